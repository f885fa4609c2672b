// What the function would cost in Go: it reads the few fields that decisions need, and writes what ours answers, each
// manifest from its document anew. It decides nothing, so that a whole one could not cost less.
package main

import (
	"context"
	"os"

	"github.com/crossplane/function-sdk-go"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/response"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

const megabytes = 16 << 20

// Lean answers every claim as ours answered one.
type Lean struct {
	fnv1.UnimplementedFunctionRunnerServiceServer

	answer    *fnv1.RunFunctionResponse
	manifests map[string]map[string]any
	status    map[string]any
}

// RunFunction answers one call.
func (f *Lean) RunFunction(_ context.Context, req *fnv1.RunFunctionRequest) (*fnv1.RunFunctionResponse, error) {
	rsp := response.To(req, response.DefaultTTL)
	composite := req.GetObserved().GetComposite().GetResource()
	_ = composite.GetFields()["spec"].GetStructValue().AsMap()
	if rsp.Desired == nil {
		rsp.Desired = &fnv1.State{}
	}
	rsp.Desired.Resources = make(map[string]*fnv1.Resource, len(f.manifests))
	for key, manifest := range f.manifests {
		written, err := structpb.NewStruct(manifest)
		if err != nil {
			return nil, err
		}
		rsp.Desired.Resources[key] = &fnv1.Resource{Resource: written, Ready: ready(req.GetObserved().GetResources()[key])}
	}
	said, err := structpb.NewStruct(map[string]any{"status": f.status})
	if err != nil {
		return nil, err
	}
	rsp.Desired.Composite = &fnv1.Resource{Resource: said}
	rsp.Conditions, rsp.Requirements = f.answer.GetConditions(), f.answer.GetRequirements()
	return rsp, nil
}

// ready looks at a status as our judgement does.
func ready(observed *fnv1.Resource) fnv1.Ready {
	status := observed.GetResource().GetFields()["status"].GetStructValue().AsMap()
	conditions, _ := status["conditions"].([]any)
	for _, each := range conditions {
		condition, _ := each.(map[string]any)
		if condition["status"] == "False" {
			return fnv1.Ready_READY_FALSE
		}
	}
	return fnv1.Ready_READY_TRUE
}

func serve(address, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	answer := &fnv1.RunFunctionResponse{}
	if err := protojson.Unmarshal(content, answer); err != nil {
		return err
	}
	manifests := map[string]map[string]any{}
	for key, desired := range answer.GetDesired().GetResources() {
		manifests[key] = desired.GetResource().AsMap()
	}
	status, _ := answer.GetDesired().GetComposite().GetResource().AsMap()["status"].(map[string]any)
	return function.Serve(
		&Lean{answer: answer, manifests: manifests, status: status},
		function.Listen("tcp", address),
		function.Insecure(true),
		function.MaxRecvMessageSize(megabytes),
		function.WithMetricsServer(""),
	)
}

func main() {
	if err := serve(os.Args[1], os.Args[2]); err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

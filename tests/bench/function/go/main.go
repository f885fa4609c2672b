// What the function would cost in Go: it reads the few fields that decisions need, and writes what ours answers, each
// manifest from its document anew. It decides nothing, so that a whole one could not cost less.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/crossplane/function-sdk-go"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/resource"
	"github.com/crossplane/function-sdk-go/resource/composed"
	"github.com/crossplane/function-sdk-go/response"
)

const megabytes = 16 << 20

// Answer is what ours answers, as JSON with the names of the protocol's fields and its enums as numbers.
type Answer struct {
	Desired struct {
		Composite Document            `json:"composite"`
		Resources map[string]Document `json:"resources"`
	} `json:"desired"`
	Conditions   []*fnv1.Condition `json:"conditions"`
	Requirements struct {
		Resources map[string]Selector `json:"resources"`
	} `json:"requirements"`
}

// Document is a manifest, or the part of the composite that is written.
type Document struct {
	Resource map[string]any `json:"resource"`
}

// Selector asks for one object by its name.
type Selector struct {
	APIVersion string  `json:"api_version"`
	Kind       string  `json:"kind"`
	Name       string  `json:"match_name"`
	Namespace  *string `json:"namespace"`
}

// Lean answers every claim as ours answered one.
type Lean struct {
	fnv1.UnimplementedFunctionRunnerServiceServer

	answer       Answer
	requirements *fnv1.Requirements
}

// RunFunction answers one call.
func (f *Lean) RunFunction(_ context.Context, req *fnv1.RunFunctionRequest) (*fnv1.RunFunctionResponse, error) {
	rsp := response.To(req, response.DefaultTTL)
	composite := req.GetObserved().GetComposite().GetResource()
	_ = composite.GetFields()["spec"].GetStructValue().AsMap()
	if rsp.Desired == nil {
		rsp.Desired = &fnv1.State{}
	}
	rsp.Desired.Resources = make(map[string]*fnv1.Resource, len(f.answer.Desired.Resources))
	for key, desired := range f.answer.Desired.Resources {
		written, err := write(desired)
		if err != nil {
			return nil, err
		}
		written.Ready = ready(req.GetObserved().GetResources()[key])
		rsp.Desired.Resources[key] = written
	}
	said, err := write(f.answer.Desired.Composite)
	if err != nil {
		return nil, err
	}
	rsp.Desired.Composite = said
	rsp.Conditions, rsp.Requirements = f.answer.Conditions, f.requirements
	return rsp, nil
}

func write(document Document) (*fnv1.Resource, error) {
	object := composed.New()
	object.SetUnstructuredContent(document.Resource)
	written, err := resource.AsStruct(object)
	return &fnv1.Resource{Resource: written}, err
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
	lean := &Lean{requirements: &fnv1.Requirements{Resources: map[string]*fnv1.ResourceSelector{}}}
	if err := json.Unmarshal(content, &lean.answer); err != nil {
		return err
	}
	for key, asked := range lean.answer.Requirements.Resources {
		lean.requirements.Resources[key] = &fnv1.ResourceSelector{
			ApiVersion: asked.APIVersion,
			Kind:       asked.Kind,
			Match:      &fnv1.ResourceSelector_MatchName{MatchName: asked.Name},
			Namespace:  asked.Namespace,
		}
	}
	return function.Serve(
		lean,
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

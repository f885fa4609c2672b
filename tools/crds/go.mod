module agent-executor/tools/crds

go 1.26

require (
	github.com/crossplane-contrib/provider-kubernetes v1.2.1
	github.com/external-secrets/external-secrets v0.20.4
	github.com/kedacore/keda/v2 v2.20.2
	github.com/prometheus-operator/prometheus-operator v0.93.0
)

module agent-executor/tools/crds/older

go 1.26

require (
	github.com/crossplane-contrib/provider-kubernetes v0.13.0
	github.com/external-secrets/external-secrets v0.9.13
	github.com/kedacore/keda/v2 v2.18.1
)

module agent-executor/tools/crossplane-1.16

go 1.26

require github.com/crossplane/crossplane v1.16.0

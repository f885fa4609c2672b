module agent-executor/tools/crossplane-1.20

go 1.26

require github.com/crossplane/crossplane v1.20.11

module agent-executor/tests/bench/function

go 1.26

require github.com/crossplane/function-sdk-go v0.7.1

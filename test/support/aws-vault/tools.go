//go:build tools

// Package tools pins aws-vault, which the import tests build and take access keys out of.
package tools

import _ "github.com/99designs/aws-vault/v7"

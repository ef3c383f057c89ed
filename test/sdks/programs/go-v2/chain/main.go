// Which access key the AWS SDK for Go v2 ends at, for every scenario of a list on stdin.
package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
)

type scenario struct {
	Env map[string]string `json:"env"`
}

func keyID() string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return "none"
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return "none"
	}
	return credentials.AccessKeyID
}

func main() {
	var scenarios []scenario
	if err := json.NewDecoder(os.Stdin).Decode(&scenarios); err != nil {
		panic(err)
	}
	keep := os.Environ()
	answers := []string{}
	for _, each := range scenarios {
		os.Clearenv()
		for _, pair := range keep {
			name, value, _ := strings.Cut(pair, "=")
			os.Setenv(name, value)
		}
		for name, value := range each.Env {
			os.Setenv(name, value)
		}
		answers = append(answers, keyID())
	}
	json.NewEncoder(os.Stdout).Encode(answers)
}

// Command client-go asks a cluster what programs that are built on client-go ask, and says what it answers differently than they expect.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const patience = 60 * time.Second

// tour is one walk through a cluster, in a namespace of its own.
type tour struct {
	config    *rest.Config
	client    kubernetes.Interface
	namespace string
	failures  int
}

// check asks one question. The verdict is a line that the command that started this program reads.
func (t *tour) check(sentence string, question func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := question(ctx); err != nil {
		t.failures++
		fmt.Printf("failed  %s: %s\n", sentence, strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	fmt.Printf("ok      %s\n", sentence)
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	must(err)
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	must(err)
	t := &tour{config: config, client: client, namespace: "client-go"}
	_, err = client.CoreV1().Namespaces().Create(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: t.namespace}}, metav1.CreateOptions{})
	must(err)
	for _, part := range []func(*tour){
		typed, failures, patches, applies, watches, subresources, certificates,
		dynamics, metadataOnly, informers, discoveries, scales, elections, recorders,
	} {
		part(t)
	}
	if os.Getenv("PODS") == "yes" {
		pods(t)
	} else {
		fmt.Println("skipped exec, logs and port-forward: the cluster has no node")
	}
	if t.failures > 0 {
		os.Exit(1)
	}
}

func must(err error) {
	if err != nil {
		fmt.Printf("failed  preparing: %s\n", err)
		os.Exit(1)
	}
}

// expect is an error unless it holds.
func expect(holds bool, format string, args ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// eventually asks until it holds, or until the question's time is over.
func eventually(ctx context.Context, what string, holds func() bool) error {
	for !holds() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("never %s", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
)

const page = `mkdir /www; echo page > /www/index.html; httpd -p 8080 -h /www; echo started; while read x; do echo "got $x"; done; sleep infinity`

func pods(t *tour) {
	pods := t.client.CoreV1().Pods(t.namespace)
	t.check("pods: one runs", func(ctx context.Context) error {
		container := corev1.Container{Name: "main", Image: "tsukube.local/busybox", Command: []string{"sh", "-c", page}, Stdin: true}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "page"}, Spec: corev1.PodSpec{Containers: []corev1.Container{container}, TerminationGracePeriodSeconds: new(int64(0))}}
		if _, err := pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			return err
		}
		return eventually(ctx, "running", func() bool {
			found, err := pods.Get(ctx, "page", metav1.GetOptions{})
			return err == nil && found.Status.Phase == corev1.PodRunning
		})
	})

	ways := map[string]func(*rest.Request) (remotecommand.Executor, error){
		"SPDY": func(request *rest.Request) (remotecommand.Executor, error) {
			return remotecommand.NewSPDYExecutor(t.config, "POST", request.URL())
		},
		"WebSocket": func(request *rest.Request) (remotecommand.Executor, error) {
			return remotecommand.NewWebSocketExecutor(t.config, "GET", request.URL().String())
		},
	}
	for name, way := range ways {
		execute := func(ctx context.Context, options corev1.PodExecOptions, streams remotecommand.StreamOptions) error {
			request := t.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(t.namespace).Name("page").SubResource("exec").
				VersionedParams(&options, scheme.ParameterCodec)
			executor, err := way(request)
			if err != nil {
				return err
			}
			return executor.StreamWithContext(ctx, streams)
		}
		t.check("pods: exec by "+name+" passes input, output and the exit code", func(ctx context.Context) error {
			var out, errs bytes.Buffer
			err := execute(ctx, corev1.PodExecOptions{Container: "main", Command: []string{"sh", "-c", "cat; echo bad >&2; exit 7"}, Stdin: true, Stdout: true, Stderr: true},
				remotecommand.StreamOptions{Stdin: strings.NewReader(strings.Repeat("x", 1<<20)), Stdout: &out, Stderr: &errs})
			var code exec.CodeExitError
			if !errors.As(err, &code) || code.Code != 7 {
				return fmt.Errorf("ended with %v", err)
			}
			return expect(out.Len() == 1<<20 && errs.String() == "bad\n", "wrote %d bytes and %q", out.Len(), errs.String())
		})
		t.check("pods: exec by "+name+" has a terminal of a size", func(ctx context.Context) error {
			var out bytes.Buffer
			sizes := make(sizeQueue, 1)
			sizes <- remotecommand.TerminalSize{Width: 91, Height: 37}
			err := execute(ctx, corev1.PodExecOptions{Command: []string{"sh", "-c", "sleep 0.5; stty size"}, Stdin: true, Stdout: true, TTY: true},
				remotecommand.StreamOptions{Stdin: emptyForever{ctx}, Stdout: &out, Tty: true, TerminalSizeQueue: sizes})
			if err != nil {
				return err
			}
			return expect(strings.TrimSpace(out.String()) == "37 91", "is %q", out.String())
		})
		t.check("pods: exec by "+name+" says what cannot be run", func(ctx context.Context) error {
			var errs bytes.Buffer
			err := execute(ctx, corev1.PodExecOptions{Command: []string{"no-such-program"}, Stderr: true}, remotecommand.StreamOptions{Stderr: &errs})
			return expect(err != nil && strings.Contains(errs.String()+err.Error(), "no-such-program"), "%v %s", err, errs.String())
		})
	}

	t.check("pods: attach by a fallback executor, and its output in the log that is followed", func(ctx context.Context) error {
		request := t.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(t.namespace).Name("page").SubResource("attach").
			VersionedParams(&corev1.PodAttachOptions{Stdin: true, Stdout: true}, scheme.ParameterCodec)
		first, err := ways["WebSocket"](request)
		if err != nil {
			return err
		}
		second, err := ways["SPDY"](request)
		if err != nil {
			return err
		}
		executor, err := remotecommand.NewFallbackExecutor(first, second, func(error) bool { return true })
		if err != nil {
			return err
		}
		attached, leave := context.WithCancel(ctx)
		defer leave()
		input, write := io.Pipe()
		go func() {
			_ = executor.StreamWithContext(attached, remotecommand.StreamOptions{Stdin: input, Stdout: io.Discard})
		}()
		if _, err := io.WriteString(write, "hello\n"); err != nil {
			return err
		}
		stream, err := pods.GetLogs("page", &corev1.PodLogOptions{Follow: true, Timestamps: true, SinceSeconds: new(int64(60))}).Stream(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = stream.Close() }()
		var log bytes.Buffer
		buffer := make([]byte, 4096)
		for !strings.Contains(log.String(), "got hello") {
			count, err := stream.Read(buffer)
			log.Write(buffer[:count])
			if err != nil {
				return fmt.Errorf("the log ended with %w after %q", err, log.String())
			}
		}
		stamp, _, _ := strings.Cut(log.String(), " ")
		_, err = time.Parse(time.RFC3339Nano, stamp)
		return err
	})

	url := t.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(t.namespace).Name("page").SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(t.config)
	must(err)
	t.check("pods: port-forward by SPDY", func(ctx context.Context) error {
		return forwarded(ctx, func(stop, ready chan struct{}) (*portforward.PortForwarder, error) {
			dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
			return portforward.New(dialer, []string{"0:8080"}, stop, ready, io.Discard, io.Discard)
		})
	})
	t.check("pods: port-forward through a WebSocket", func(ctx context.Context) error {
		return forwarded(ctx, func(stop, ready chan struct{}) (*portforward.PortForwarder, error) {
			dialer, err := portforward.NewSPDYOverWebsocketDialer(url, t.config)
			if err != nil {
				return nil, err
			}
			return portforward.New(dialer, []string{"0:8080"}, stop, ready, io.Discard, io.Discard)
		})
	})
	t.check("pods: the API server as a proxy to one", func(ctx context.Context) error {
		body, err := pods.ProxyGet("http", "page", "8080", "/index.html", nil).DoRaw(ctx)
		return expect(err == nil && string(body) == "page\n", "%q %v", body, err)
	})
}

// forwarded reads the pod's page some times at once through a forwarded port.
func forwarded(ctx context.Context, open func(stop, ready chan struct{}) (*portforward.PortForwarder, error)) error {
	stop, ready := make(chan struct{}), make(chan struct{})
	defer close(stop)
	forwarder, err := open(stop, ready)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		return fmt.Errorf("ended: %w", err)
	case <-ctx.Done():
		return fmt.Errorf("never ready")
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		return err
	}
	answers := make(chan error, 8)
	for range cap(answers) {
		go func() {
			response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", ports[0].Local))
			if err != nil {
				answers <- err
				return
			}
			defer func() { _ = response.Body.Close() }()
			body, err := io.ReadAll(response.Body)
			answers <- errors.Join(err, expect(string(body) == "page\n", "read %q", body))
		}()
	}
	for range cap(answers) {
		if err := <-answers; err != nil {
			return err
		}
	}
	return nil
}

// sizeQueue gives the sizes of a terminal, one after the other.
type sizeQueue chan remotecommand.TerminalSize

func (queue sizeQueue) Next() *remotecommand.TerminalSize {
	size, ok := <-queue
	if !ok {
		return nil
	}
	return &size
}

// emptyForever is an input that nobody writes to.
type emptyForever struct{ ctx context.Context }

func (input emptyForever) Read([]byte) (int, error) {
	<-input.ctx.Done()
	return 0, io.EOF
}

// Command envtest starts environments of controller-runtime's envtest on the programs that "tsukube envtest assets" writes, and says what
// comes out differently than the authors of operators expect.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

const patience = 60 * time.Second

var failures int

// check asks one question. The verdict is a line that the command that started this program reads.
func check(sentence string, question func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := question(ctx); err != nil {
		failures++
		fmt.Printf("failed  %s: %s\n", sentence, strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	fmt.Printf("ok      %s\n", sentence)
}

func must(err error) {
	if err != nil {
		fmt.Printf("failed  preparing: %s\n", err)
		os.Exit(1)
	}
}

func eventually(ctx context.Context, what string, holds func() error) error {
	for {
		err := holds()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("never %s: %w", what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func main() {
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	folder, err := os.MkdirTemp("", "envtest-")
	must(err)
	defer func() { _ = os.RemoveAll(folder) }()
	assets := filepath.Join(folder, "assets")
	written, err := exec.Command(os.Getenv("TSUKUBE"), "envtest", "assets", assets).Output()
	must(err)
	if strings.TrimSpace(string(written)) != assets {
		must(fmt.Errorf("wrote to %s", written))
	}
	must(os.Setenv("TMPDIR", folder))
	before := left(folder)
	environment := &envtest.Environment{
		BinaryAssetsDirectory: assets,
		CRDs:                  []*apiextensionsv1.CustomResourceDefinition{definition()},
		WebhookInstallOptions: envtest.WebhookInstallOptions{ValidatingWebhooks: []*admissionv1.ValidatingWebhookConfiguration{validating()}},
	}
	environment.ControlPlane.GetAPIServer().Configure().Append("feature-gates", "EvictionRequestAPI=true").Append("v", "4")
	check("an environment starts, with its definitions and webhooks", func(context.Context) error {
		_, err := environment.Start()
		return err
	})
	if failures == 0 {
		questions(environment)
	}
	check("the environment stops, and leaves nothing", func(ctx context.Context) error {
		if err := environment.Stop(); err != nil {
			return err
		}
		if after := left(folder); after != before {
			return fmt.Errorf("%s, was %s", after, before)
		}
		connection, err := net.DialTimeout("tcp", environment.ControlPlane.APIServer.SecureServing.Address+":"+environment.ControlPlane.APIServer.SecureServing.Port, time.Second)
		if err == nil {
			_ = connection.Close()
			return errors.New("something still listens")
		}
		return nil
	})
	if failures > 0 {
		os.Exit(1)
	}
}

// left names what lies in a folder.
func left(folder string) string {
	entries, err := os.ReadDir(folder)
	must(err)
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return strings.Join(names, " ")
}

func definition() *apiextensionsv1.CustomResourceDefinition {
	schema := &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
		Type:       "object",
		Properties: map[string]apiextensionsv1.JSONSchemaProps{"spec": {Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{"size": {Type: "integer"}}}},
	}}
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "boats.envtest.example.com"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "envtest.example.com", Scope: apiextensionsv1.NamespaceScoped,
			Names:    apiextensionsv1.CustomResourceDefinitionNames{Plural: "boats", Singular: "boat", Kind: "Boat", ListKind: "BoatList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Storage: true, Schema: schema}},
		},
	}
}

func validating() *admissionv1.ValidatingWebhookConfiguration {
	none, path := admissionv1.SideEffectClassNone, "/boats"
	return &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "boats"},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "boats.envtest.example.com", SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
			ClientConfig: admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Namespace: "default", Name: "boats", Path: &path}},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{"envtest.example.com"}, APIVersions: []string{"v1"}, Resources: []string{"boats"}},
			}},
		}},
	}
}

func boat(name string, size int64) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "envtest.example.com/v1", "kind": "Boat",
		"metadata": map[string]any{"name": name, "namespace": "default"}, "spec": map[string]any{"size": size},
	}}
}

// reconciler writes a ConfigMap for each Boat.
type reconciler struct{ client.Client }

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	found := boat("", 0)
	if err := r.Get(ctx, request.NamespacedName, found); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	size, _, _ := unstructured.NestedInt64(found.Object, "spec", "size")
	log := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: found.GetName(), Namespace: found.GetNamespace()}, Data: map[string]string{"size": fmt.Sprint(size)}}
	return ctrl.Result{}, client.IgnoreAlreadyExists(r.Create(ctx, log))
}

// judge lets no Boat in that is too large.
func judge(_ context.Context, request admission.Request) admission.Response {
	made := boat("", 0)
	if err := made.UnmarshalJSON(request.Object.Raw); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if size, _, _ := unstructured.NestedInt64(made.Object, "spec", "size"); size > 100 {
		return admission.Denied("too large a boat")
	}
	return admission.Allowed("")
}

func questions(environment *envtest.Environment) {
	direct, err := client.New(environment.Config, client.Options{})
	must(err)
	check("a pod is made without anybody making its ServiceAccount", func(ctx context.Context) error {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "default"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "a"}}}}
		if err := direct.Create(ctx, pod); err != nil {
			return err
		}
		if pod.Spec.ServiceAccountName != "" || pod.Spec.RestartPolicy != corev1.RestartPolicyAlways {
			return fmt.Errorf("is %v", pod.Spec)
		}
		return nil
	})
	check("an operator and its webhook work", func(ctx context.Context) error {
		options := environment.WebhookInstallOptions
		manager, err := ctrl.NewManager(environment.Config, ctrl.Options{
			Metrics:       metricsserver.Options{BindAddress: "0"},
			WebhookServer: webhook.NewServer(webhook.Options{Host: options.LocalServingHost, Port: options.LocalServingPort, CertDir: options.LocalServingCertDir}),
		})
		if err != nil {
			return err
		}
		manager.GetWebhookServer().Register("/boats", &admission.Webhook{Handler: admission.HandlerFunc(judge)})
		if err := ctrl.NewControllerManagedBy(manager).For(boat("", 0)).Complete(&reconciler{manager.GetClient()}); err != nil {
			return err
		}
		running, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- manager.Start(running) }()
		if err := eventually(ctx, "created", func() error { return direct.Create(ctx, boat("corner", 7)) }); err != nil {
			stop()
			return err
		}
		seen := &corev1.ConfigMap{}
		err = eventually(ctx, "reconciled", func() error { return direct.Get(ctx, client.ObjectKey{Namespace: "default", Name: "corner"}, seen) })
		if err == nil && seen.Data["size"] != "7" {
			err = fmt.Errorf("is %v", seen.Data)
		}
		if refused := direct.Create(ctx, boat("ark", 101)); err == nil && (!apierrors.IsForbidden(refused) || !strings.Contains(refused.Error(), "too large a boat")) {
			err = fmt.Errorf("the webhook let it in: %v", refused)
		}
		stop()
		return errors.Join(err, <-ended)
	})
	check("a user of less rights has them by RBAC only", func(ctx context.Context) error {
		user, err := environment.AddUser(envtest.User{Name: "ann", Groups: []string{"sailors"}}, nil)
		if err != nil {
			return err
		}
		limited, err := client.New(user.Config(), client.Options{})
		if err != nil {
			return err
		}
		self := &authenticationv1.SelfSubjectReview{}
		if err := limited.Create(ctx, self); err != nil || self.Status.UserInfo.Username != "ann" {
			return fmt.Errorf("is %v: %v", self.Status.UserInfo, err)
		}
		if err := limited.List(ctx, &corev1.SecretList{}); !apierrors.IsForbidden(err) {
			return fmt.Errorf("may list Secrets: %v", err)
		}
		return nil
	})
	check("a token that the server signed is good for it", func(ctx context.Context) error {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot", Namespace: "default"}}
		if err := direct.Create(ctx, account); err != nil {
			return err
		}
		token := &authenticationv1.TokenRequest{}
		if err := direct.SubResource("token").Create(ctx, account, token); err != nil {
			return err
		}
		review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token}}
		if err := direct.Create(ctx, review); err != nil || !review.Status.Authenticated {
			return fmt.Errorf("is %v: %v", review.Status, err)
		}
		if review.Status.User.Username != "system:serviceaccount:default:robot" {
			return fmt.Errorf("is %v", review.Status.User)
		}
		return nil
	})
	check("kubectl of the environment works", func(context.Context) error {
		user, err := environment.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
		if err != nil {
			return err
		}
		kubectl, err := user.Kubectl()
		if err != nil {
			return err
		}
		out, problems, err := kubectl.Run("get", "boats", "-o", "name")
		if err != nil {
			said, _ := io.ReadAll(problems)
			return fmt.Errorf("%w: %s", err, said)
		}
		said, err := io.ReadAll(out)
		if err != nil || strings.TrimSpace(string(said)) != "boat.envtest.example.com/corner" {
			return fmt.Errorf("said %s: %v", said, err)
		}
		return nil
	})
}

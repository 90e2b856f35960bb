// Command controller-runtime runs an operator against a cluster, with webhooks that the cluster calls, and says what comes out differently
// than its authors expect.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

const (
	namespace = "controller-runtime"
	patience  = 60 * time.Second
)

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

func main() {
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	kinds := runtime.NewScheme()
	must(scheme.AddToScheme(kinds))
	must(apiextensionsv1.AddToScheme(kinds))
	addToScheme(kinds)
	to, err := config.GetConfig()
	must(err)
	direct, err := client.New(to, client.Options{Scheme: kinds})
	must(err)
	ctx, stop := context.WithCancel(context.Background())
	must(direct.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))

	check("the server is ready as envtest asks", func(ctx context.Context) error {
		return ready(ctx, to)
	})
	check("metrics are what Prometheus' parsers take, as text and as protobuf with native histograms", func(ctx context.Context) error {
		return metrics(ctx, to, direct)
	})
	folder, authority := certificates()
	defer func() { _ = os.RemoveAll(folder) }()
	port := freePort()
	url := "https://127.0.0.1:" + strconv.Itoa(port)
	must(direct.Create(ctx, definition(url, authority)))
	must(direct.Create(ctx, mutating(url, authority)))
	must(direct.Create(ctx, validating(url, authority)))
	manager, err := ctrl.NewManager(to, ctrl.Options{
		Scheme:                        kinds,
		Cache:                         cache.Options{DefaultNamespaces: map[string]cache.Config{namespace: {}}},
		LeaderElection:                true,
		LeaderElectionID:              "shops",
		LeaderElectionNamespace:       namespace,
		LeaderElectionReleaseOnCancel: true,
		Metrics:                       metricsserver.Options{BindAddress: "127.0.0.1:0", SecureServing: true, FilterProvider: filters.WithAuthenticationAndAuthorization},
		WebhookServer:                 webhook.NewServer(webhook.Options{Host: "127.0.0.1", Port: port, CertDir: folder}),
	})
	must(err)
	must(manager.GetFieldIndexer().IndexField(ctx, &Shop{}, "spec.owner", func(object client.Object) []string {
		return []string{object.(*Shop).Spec.Owner}
	}))
	must(ctrl.NewControllerManagedBy(manager).For(&Shop{}).Owns(&corev1.ConfigMap{}).
		Complete(&reconciler{manager.GetClient(), manager.GetEventRecorder("shops")}))
	must(ctrl.NewWebhookManagedBy(manager, &Shop{}).WithDefaulter(opinion{}).WithValidator(opinion{}).Complete())
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()

	check("the manager is elected, its caches are filled, its webhooks listen", func(ctx context.Context) error {
		select {
		case <-manager.Elected():
		case err := <-ended:
			return fmt.Errorf("ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("never elected")
		}
		if !manager.GetCache().WaitForCacheSync(ctx) {
			return fmt.Errorf("the caches never filled")
		}
		return eventually(ctx, "listening", func() bool { return manager.GetWebhookServer().StartedChecker()(nil) == nil })
	})
	questions(direct, manager)
	check("the manager ends, and lets go of its lease", func(ctx context.Context) error {
		stop()
		if err := <-ended; err != nil {
			return err
		}
		return nil
	})
	if failures > 0 {
		os.Exit(1)
	}
}

// ready asks as envtest does before its tests begin.
func ready(ctx context.Context, to *rest.Config) error {
	through, err := rest.HTTPClientFor(to)
	if err != nil {
		return err
	}
	for _, path := range []string{"/healthz", "/readyz", "/livez"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, to.Host+path, nil)
		if err != nil {
			return err
		}
		response, err := through.Do(request)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", path, response.Status)
		}
	}
	mapper, err := apiutil.NewDynamicRESTMapper(to, through)
	if err != nil {
		return err
	}
	_, err = mapper.RESTMapping(apiextensionsv1.Kind("CustomResourceDefinition"))
	return err
}

func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

func rules(operations ...admissionv1.OperationType) []admissionv1.RuleWithOperations {
	rule := admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{"v1"}, Resources: []string{"shops"}}
	return []admissionv1.RuleWithOperations{{Operations: operations, Rule: rule}}
}

func mutating(url string, ca []byte) client.Object {
	return &admissionv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "shops"},
		Webhooks: []admissionv1.MutatingWebhook{{
			Name: "defaults." + group, SideEffects: new(admissionv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
			ClientConfig: admissionv1.WebhookClientConfig{URL: new(url + "/mutate-runtime-example-com-v1-shop"), CABundle: ca},
			Rules:        rules(admissionv1.Create, admissionv1.Update), MatchPolicy: new(admissionv1.Equivalent),
		}},
	}
}

func validating(url string, ca []byte) client.Object {
	return &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "shops"},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "opinion." + group, SideEffects: new(admissionv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
			ClientConfig: admissionv1.WebhookClientConfig{URL: new(url + "/validate-runtime-example-com-v1-shop"), CABundle: ca},
			Rules:        rules(admissionv1.Create, admissionv1.Update, admissionv1.Delete), MatchPolicy: new(admissionv1.Equivalent),
		}},
	}
}

func shop(name string, spec ShopSpec) *Shop {
	return &Shop{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, Spec: spec}
}

func questions(direct client.Client, manager ctrl.Manager) {
	at := func(name string) client.ObjectKey { return client.ObjectKey{Namespace: namespace, Name: name} }

	check("a Shop is defaulted, reconciled, has its status, and what it owns", func(ctx context.Context) error {
		corner := shop("corner", ShopSpec{Windows: 2})
		// a definition serves, and webhooks are known, a moment after they are made
		if err := eventually(ctx, "created", func() bool { return direct.Create(ctx, corner) == nil }); err != nil {
			return err
		}
		if corner.Spec.Owner != "nobody" {
			return fmt.Errorf("owned by %q", corner.Spec.Owner)
		}
		if err := eventually(ctx, "ready", func() bool {
			return direct.Get(ctx, at("corner"), corner) == nil && corner.Status.Ready && meta.IsStatusConditionTrue(corner.Status.Conditions, "Open")
		}); err != nil {
			return err
		}
		stock := &corev1.ConfigMap{}
		if err := direct.Get(ctx, at("corner"), stock); err != nil {
			return err
		}
		if !metav1.IsControlledBy(stock, corner) || stock.Data["windows"] != "2" {
			return fmt.Errorf("stock %v", stock)
		}
		return eventually(ctx, "told of by an event", func() bool {
			list := &eventsv1.EventList{}
			return direct.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{"regarding.name": "corner", "reason": "Stocked"}) == nil && len(list.Items) > 0
		})
	})
	check("a change is reconciled, and what it owns is put back", func(ctx context.Context) error {
		corner := &Shop{}
		if err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
			if err := direct.Get(ctx, at("corner"), corner); err != nil {
				return err
			}
			corner.Spec.Windows = 3
			return direct.Update(ctx, corner)
		}); err != nil {
			return err
		}
		stock := &corev1.ConfigMap{}
		if err := eventually(ctx, "changed", func() bool { return direct.Get(ctx, at("corner"), stock) == nil && stock.Data["windows"] == "3" }); err != nil {
			return err
		}
		uid := stock.UID
		if err := direct.Delete(ctx, stock); err != nil {
			return err
		}
		return eventually(ctx, "put back", func() bool { return direct.Get(ctx, at("corner"), stock) == nil && stock.UID != uid })
	})
	check("the validating webhook refuses", func(ctx context.Context) error {
		err := direct.Create(ctx, shop("glass", ShopSpec{Windows: 101}))
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "too many windows") {
			return fmt.Errorf("%v", err)
		}
		return nil
	})
	check("the other version is converted, for reading, writing and listing, and admitted as the one that webhooks know", func(ctx context.Context) error {
		old := &OldShop{}
		if err := direct.Get(ctx, at("corner"), old); err != nil {
			return err
		}
		if old.Spec.Windows != "3" {
			return fmt.Errorf("read %v", old.Spec)
		}
		made := &OldShop{ObjectMeta: metav1.ObjectMeta{Name: "old", Namespace: namespace}, Spec: OldShopSpec{Windows: "7"}}
		if err := direct.Create(ctx, made); err != nil {
			return err
		}
		if made.Spec.Owner != "nobody" {
			return fmt.Errorf("made %v", made.Spec)
		}
		kept := &Shop{}
		if err := direct.Get(ctx, at("old"), kept); err != nil {
			return err
		}
		if kept.Spec.Windows != 7 {
			return fmt.Errorf("kept %v", kept.Spec)
		}
		err := direct.Create(ctx, &OldShop{ObjectMeta: metav1.ObjectMeta{Name: "word", Namespace: namespace}, Spec: OldShopSpec{Windows: "many"}})
		if err == nil || !strings.Contains(err.Error(), "conversion webhook") {
			return fmt.Errorf("many windows: %v", err)
		}
		return nil
	})
	check("the cache answers by an index, and follows", func(ctx context.Context) error {
		if err := direct.Create(ctx, shop("mine", ShopSpec{Owner: "me"})); err != nil {
			return err
		}
		list := &ShopList{}
		return eventually(ctx, "found", func() bool {
			err := manager.GetClient().List(ctx, list, client.MatchingFields{"spec.owner": "me"})
			return err == nil && len(list.Items) == 1 && list.Items[0].Name == "mine" && len(list.Items[0].Finalizers) > 0
		})
	})
	check("a finalizer runs before the end, and what it owned goes", func(ctx context.Context) error {
		if err := direct.Delete(ctx, shop("mine", ShopSpec{})); err != nil {
			return err
		}
		for _, name := range []string{"mine"} {
			if err := eventually(ctx, "gone", func() bool { return apierrors.IsNotFound(direct.Get(ctx, at(name), &Shop{})) }); err != nil {
				return err
			}
			if err := eventually(ctx, "gone with its stock", func() bool { return apierrors.IsNotFound(direct.Get(ctx, at(name), &corev1.ConfigMap{})) }); err != nil {
				return err
			}
		}
		return direct.Get(ctx, at("goodbye-mine"), &corev1.ConfigMap{})
	})
	check("the validating webhook keeps what is to stay", func(ctx context.Context) error {
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"keep":"yes"}}}`))
		if err := direct.Patch(ctx, shop("old", ShopSpec{}), patch); err != nil {
			return err
		}
		err := direct.Delete(ctx, shop("old", ShopSpec{}))
		if !apierrors.IsForbidden(err) {
			return fmt.Errorf("%v", err)
		}
		return nil
	})
}

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
	kubeinformers "k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

func watches(t *tour) {
	maps := t.client.CoreV1().ConfigMaps(t.namespace)

	t.check("watch: objects that come to fit a selector are added, those that leave it deleted", func(ctx context.Context) error {
		made, err := maps.Create(ctx, configMap("selected", nil), metav1.CreateOptions{})
		if err != nil {
			return err
		}
		watching, err := maps.Watch(ctx, metav1.ListOptions{LabelSelector: "chosen=yes", ResourceVersion: made.ResourceVersion})
		if err != nil {
			return err
		}
		defer watching.Stop()
		for _, value := range []string{"yes", "no"} {
			made.Labels = map[string]string{"chosen": value}
			if made, err = maps.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
				return err
			}
		}
		first, second := <-watching.ResultChan(), <-watching.ResultChan()
		if first.Type != watch.Added || second.Type != watch.Deleted {
			return fmt.Errorf("watched %s, %s", first.Type, second.Type)
		}
		accessor, err := meta.Accessor(second.Object)
		return expect(err == nil && accessor.GetResourceVersion() == made.ResourceVersion, "deleted at %v, not %s", accessor, made.ResourceVersion)
	})

	t.check("watch: initial events end with a bookmark that says so", func(ctx context.Context) error {
		watching, err := maps.Watch(ctx, metav1.ListOptions{
			SendInitialEvents: new(true), AllowWatchBookmarks: true, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
		})
		if err != nil {
			return err
		}
		defer watching.Stop()
		for event := range watching.ResultChan() {
			if event.Type != watch.Bookmark {
				continue
			}
			bookmark := event.Object.(*corev1.ConfigMap)
			return expect(bookmark.Annotations[metav1.InitialEventsAnnotationKey] == "true", "bookmark %v", bookmark)
		}
		return fmt.Errorf("the watch ended")
	})

	t.check("watch: a RetryWatcher goes on without a gap when its connections are cut", func(ctx context.Context) error {
		cut := &cuttable{}
		client, err := kubernetes.NewForConfig(cut.config(t.config))
		if err != nil {
			return err
		}
		list, err := maps.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		watching, err := watchtools.NewRetryWatcherWithContext(ctx, list.ResourceVersion, &cache.ListWatch{
			WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
				return client.CoreV1().ConfigMaps(t.namespace).Watch(ctx, options)
			},
		})
		if err != nil {
			return err
		}
		defer watching.Stop()
		for index := range 6 {
			name := fmt.Sprintf("retried-%d", index)
			if _, err := maps.Create(ctx, configMap(name, nil), metav1.CreateOptions{}); err != nil {
				return err
			}
			event := <-watching.ResultChan()
			if created, ok := event.Object.(*corev1.ConfigMap); !ok || created.Name != name {
				return fmt.Errorf("watched %v, not %s", event, name)
			}
			cut.now()
		}
		return nil
	})

	t.check("watch: UntilWithSync sees what is there and what comes", func(ctx context.Context) error {
		lw := cache.NewListWatchFromClient(t.client.CoreV1().RESTClient(), "configmaps", t.namespace, fields.OneTermEqualSelector("metadata.name", "awaited"))
		go func() {
			time.Sleep(200 * time.Millisecond)
			_, _ = maps.Create(ctx, configMap("awaited", nil), metav1.CreateOptions{})
		}()
		_, err := watchtools.UntilWithSync(ctx, lw, &corev1.ConfigMap{}, nil, func(event watch.Event) (bool, error) {
			return event.Type == watch.Added, nil
		})
		return err
	})
}

// cuttable is a way to a server whose streams can be cut, as a broken network does.
type cuttable struct {
	generation atomic.Int64
	cancels    atomic.Value
	watches    atomic.Int64
	lists      atomic.Int64
	initial    atomic.Int64
	expired    atomic.Bool
}

func (c *cuttable) config(config *rest.Config) *rest.Config {
	c.cancels.Store(make(chan struct{}))
	copied := rest.CopyConfig(config)
	copied.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			query := request.URL.Query()
			if query.Get("watch") == "" {
				c.lists.Add(1)
				return next.RoundTrip(request)
			}
			c.watches.Add(1)
			if query.Get("sendInitialEvents") == "true" {
				c.initial.Add(1)
			} else if c.expired.CompareAndSwap(true, false) {
				return gone(request), nil
			}
			ctx, cancel := context.WithCancel(request.Context())
			broken := c.cancels.Load().(chan struct{})
			go func() {
				select {
				case <-broken:
				case <-ctx.Done():
				}
				cancel()
			}()
			return next.RoundTrip(request.WithContext(ctx))
		})
	})
	return copied
}

func (c *cuttable) now() { close(c.cancels.Swap(make(chan struct{})).(chan struct{})) }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// gone is what a server answers that no longer has the events since a version.
func gone(request *http.Request) *http.Response {
	body := `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old resource version","reason":"Expired","code":410}`
	return &http.Response{
		StatusCode: http.StatusGone, Status: "410 Gone", Request: request,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   readCloser{strings.NewReader(body)},
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func informers(t *tour) {
	maps := t.client.CoreV1().ConfigMaps(t.namespace)
	cut := &cuttable{}
	client, err := kubernetes.NewForConfig(cut.config(t.config))
	must(err)

	t.check("informers: stream their first list, follow, and miss nothing over cut connections and expired versions", func(ctx context.Context) error {
		factory := kubeinformers.NewSharedInformerFactoryWithOptions(client, time.Second, kubeinformers.WithNamespace(t.namespace),
			kubeinformers.WithTransform(func(object any) (any, error) {
				if accessor, err := meta.Accessor(object); err == nil {
					accessor.SetManagedFields(nil)
				}
				return object, nil
			}))
		informer := factory.Core().V1().ConfigMaps()
		var added, changed, resynced, deleted atomic.Int64
		_, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { added.Add(1) },
			UpdateFunc: func(before, after any) {
				if before.(*corev1.ConfigMap).ResourceVersion == after.(*corev1.ConfigMap).ResourceVersion {
					resynced.Add(1)
				} else {
					changed.Add(1)
				}
			},
			DeleteFunc: func(any) { deleted.Add(1) },
		})
		if err != nil {
			return err
		}
		stop, cancel := context.WithCancel(ctx)
		defer factory.Shutdown()
		defer cancel()
		factory.Start(stop.Done())
		factory.WaitForCacheSync(stop.Done())
		if cut.initial.Load() != 1 || cut.lists.Load() != 0 {
			return fmt.Errorf("%d streamed lists and %d plain ones, expected one and none", cut.initial.Load(), cut.lists.Load())
		}
		existing, err := maps.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if err := eventually(ctx, "every object", func() bool { return int(added.Load()) == len(existing.Items) }); err != nil {
			return err
		}
		lister := informer.Lister().ConfigMaps(t.namespace)
		for round := range 3 {
			name := fmt.Sprintf("informed-%d", round)
			made, err := maps.Create(ctx, configMap(name, map[string]string{"k": "1"}), metav1.CreateOptions{})
			if err != nil {
				return err
			}
			cut.expired.Store(round == 1)
			cut.now()
			made.Data["k"] = "2"
			if _, err := maps.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
				return err
			}
			if err := eventually(ctx, name+" informed of", func() bool {
				found, err := lister.Get(name)
				return err == nil && found.Data["k"] == "2" && found.ManagedFields == nil
			}); err != nil {
				return err
			}
			if err := maps.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
				return err
			}
			if err := eventually(ctx, name+" gone", func() bool { _, err := lister.Get(name); return apierrors.IsNotFound(err) }); err != nil {
				return err
			}
		}
		if err := eventually(ctx, "every deletion", func() bool { return deleted.Load() == 3 }); err != nil {
			return err
		}
		if err := eventually(ctx, "a resync", func() bool { return resynced.Load() > 0 }); err != nil {
			return err
		}
		cached, err := lister.List(labels.Everything())
		if err != nil {
			return err
		}
		if err := expect(len(cached) == len(existing.Items), "%d cached, %d exist", len(cached), len(existing.Items)); err != nil {
			return err
		}
		return expect(cut.lists.Load() == 0, "%d plain lists, expected none", cut.lists.Load())
	})

	t.check("informers: a reflector knows a version as expired from the server itself", func(ctx context.Context) error {
		watching, err := maps.Watch(ctx, metav1.ListOptions{ResourceVersion: "1"})
		if err == nil {
			defer watching.Stop()
			event := <-watching.ResultChan()
			// a server that still has everything since its first version may send it
			if event.Type != watch.Error {
				return nil
			}
			err = apierrors.FromObject(event.Object)
		}
		return expect(apierrors.IsResourceExpired(err) || apierrors.IsGone(err), "%v", err)
	})

	t.check("informers: every built-in kind of a factory synchronizes", func(ctx context.Context) error {
		factory := kubeinformers.NewSharedInformerFactory(t.client, 0)
		kinds := []func() cache.SharedIndexInformer{
			factory.Apps().V1().DaemonSets().Informer, factory.Apps().V1().ControllerRevisions().Informer, factory.Apps().V1().StatefulSets().Informer,
			factory.Autoscaling().V2().HorizontalPodAutoscalers().Informer, factory.Batch().V1().CronJobs().Informer, factory.Batch().V1().Jobs().Informer,
			factory.Certificates().V1().CertificateSigningRequests().Informer, factory.Coordination().V1().Leases().Informer, factory.Core().V1().Pods().Informer,
			factory.Core().V1().Nodes().Informer, factory.Core().V1().Services().Informer, factory.Core().V1().Secrets().Informer, factory.Core().V1().Events().Informer,
			factory.Core().V1().PersistentVolumes().Informer, factory.Core().V1().PersistentVolumeClaims().Informer, factory.Discovery().V1().EndpointSlices().Informer,
			factory.Events().V1().Events().Informer, factory.Flowcontrol().V1().FlowSchemas().Informer, factory.Networking().V1().Ingresses().Informer,
			factory.Networking().V1().NetworkPolicies().Informer, factory.Node().V1().RuntimeClasses().Informer, factory.Policy().V1().PodDisruptionBudgets().Informer,
			factory.Rbac().V1().ClusterRoles().Informer, factory.Scheduling().V1().PriorityClasses().Informer, factory.Storage().V1().StorageClasses().Informer,
			factory.Storage().V1().CSIDrivers().Informer, factory.Resource().V1().ResourceClaims().Informer, factory.Admissionregistration().V1().ValidatingAdmissionPolicies().Informer,
		}
		for _, kind := range kinds {
			kind()
		}
		stop, cancel := context.WithCancel(ctx)
		defer factory.Shutdown()
		defer cancel()
		factory.Start(stop.Done())
		for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
			if !synced {
				return fmt.Errorf("%s never synchronized", kind)
			}
		}
		return nil
	})
}

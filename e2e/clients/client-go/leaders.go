package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
)

func elections(t *tour) {
	t.check("leader election: one leads, and the other follows when it lets go", func(ctx context.Context) error {
		var leading atomic.Int64
		run := func(ctx context.Context, identity string) chan string {
			elected := make(chan string, 1)
			lock, err := resourcelock.New(resourcelock.LeasesResourceLock, t.namespace, "leader", t.client.CoreV1(), t.client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: identity})
			must(err)
			go leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
				Lock: lock, LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond, ReleaseOnCancel: true,
				Callbacks: leaderelection.LeaderCallbacks{
					OnStartedLeading: func(context.Context) { leading.Add(1); elected <- identity },
					OnStoppedLeading: func() {},
				},
			})
			return elected
		}
		firstTerm, resign := context.WithCancel(ctx)
		defer resign()
		<-run(firstTerm, "first")
		secondTerm, end := context.WithCancel(ctx)
		defer end()
		second := run(secondTerm, "second")
		time.Sleep(time.Second)
		if leading.Load() != 1 {
			return fmt.Errorf("%d lead", leading.Load())
		}
		resign()
		select {
		case <-second:
		case <-ctx.Done():
			return fmt.Errorf("the second never led")
		}
		lease, err := t.client.CoordinationV1().Leases(t.namespace).Get(ctx, "leader", metav1.GetOptions{})
		if err != nil {
			return err
		}
		return expect(*lease.Spec.LeaseTransitions >= 1 && lease.Spec.RenewTime.Nanosecond()%1000 == 0, "lease %v", lease.Spec)
	})
}

func eventful(t *tour) (*corev1.ConfigMap, error) {
	return t.client.CoreV1().ConfigMaps(t.namespace).Create(context.Background(), configMap("eventful", nil), metav1.CreateOptions{})
}

func recorders(t *tour) {
	about, err := eventful(t)
	must(err)
	about.APIVersion, about.Kind = "v1", "ConfigMap"
	t.check("events: a recorder counts what repeats", func(ctx context.Context) error {
		broadcaster := record.NewBroadcaster(record.WithContext(ctx))
		defer broadcaster.Shutdown()
		broadcaster.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: t.client.CoreV1().Events("")})
		recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "tour"})
		for range 3 {
			recorder.Eventf(about, corev1.EventTypeWarning, "Repeated", "the same %s", "again")
		}
		recorder.AnnotatedEventf(about, map[string]string{"a": "b"}, corev1.EventTypeNormal, "Annotated", "once")
		return eventually(ctx, "recorded three times", func() bool {
			list, err := t.client.CoreV1().Events(t.namespace).Search(scheme.Scheme, about)
			if err != nil {
				return false
			}
			counts := map[string]int32{}
			for _, each := range list.Items {
				counts[each.Reason] = each.Count
			}
			return counts["Repeated"] == 3 && counts["Annotated"] == 1
		})
	})
	t.check("events: the newer recorder makes a series", func(ctx context.Context) error {
		broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: t.client.EventsV1()})
		defer broadcaster.Shutdown()
		if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
			return err
		}
		recorder := broadcaster.NewRecorder(scheme.Scheme, "tour.example.com/recorder")
		for range 3 {
			recorder.Eventf(about, runtime.Object(nil), corev1.EventTypeNormal, "Serial", "Touring", "number %d", 1)
			time.Sleep(100 * time.Millisecond)
		}
		var seen []eventsv1.Event
		err := eventually(ctx, "a series", func() bool {
			list, err := t.client.EventsV1().Events(t.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=Serial"})
			if err != nil {
				return false
			}
			seen = list.Items
			return len(seen) == 1 && seen[0].Series != nil && seen[0].Series.Count >= 2
		})
		if err != nil {
			return fmt.Errorf("%w: %v", err, seen)
		}
		return nil
	})
}

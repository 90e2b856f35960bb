package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// failures asks whether errors are told apart as client-go tells them apart.
func failures(t *tour) {
	maps := t.client.CoreV1().ConfigMaps(t.namespace)
	_, err := maps.Create(context.Background(), configMap("there", nil), metav1.CreateOptions{})
	must(err)
	as := func(change func(*rest.Config)) kubernetes.Interface {
		config := rest.CopyConfig(t.config)
		change(config)
		client, err := kubernetes.NewForConfig(config)
		must(err)
		return client
	}
	nobody := as(func(config *rest.Config) { config.Impersonate.UserName = "nobody" })
	stranger := as(func(config *rest.Config) {
		config.TLSClientConfig = rest.TLSClientConfig{CAData: config.CAData, CAFile: config.CAFile}
		config.BearerToken = "wrong"
	})
	there := func(ctx context.Context) *corev1.ConfigMap {
		found, err := maps.Get(ctx, "there", metav1.GetOptions{})
		must(err)
		return found.DeepCopy()
	}

	type failure struct {
		name string
		is   func(error) bool
		act  func(context.Context) error
	}
	for _, each := range []failure{
		{"IsAlreadyExists", apierrors.IsAlreadyExists, func(ctx context.Context) error {
			_, err := maps.Create(ctx, configMap("there", nil), metav1.CreateOptions{})
			return err
		}},
		{"IsNotFound", apierrors.IsNotFound, func(ctx context.Context) error {
			_, err := maps.Get(ctx, "nowhere", metav1.GetOptions{})
			return err
		}},
		{"IsNotFound of a resource", apierrors.IsNotFound, func(ctx context.Context) error {
			return t.client.CoreV1().RESTClient().Get().AbsPath("/apis/nobody.example.com/v1/things").Do(ctx).Error()
		}},
		{"IsConflict", apierrors.IsConflict, func(ctx context.Context) error {
			stale := there(ctx)
			stale.ResourceVersion = "1"
			_, err := maps.Update(ctx, stale, metav1.UpdateOptions{})
			return err
		}},
		{"IsConflict of a precondition", apierrors.IsConflict, func(ctx context.Context) error {
			wrong := types.UID("other")
			return maps.Delete(ctx, "there", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &wrong}})
		}},
		{"IsInvalid", apierrors.IsInvalid, func(ctx context.Context) error {
			_, err := maps.Create(ctx, configMap("Not_A_Name", map[string]string{"a b": ""}), metav1.CreateOptions{})
			return err
		}},
		{"IsBadRequest", apierrors.IsBadRequest, func(ctx context.Context) error {
			_, err := maps.List(ctx, metav1.ListOptions{FieldSelector: "data.k=1"})
			return err
		}},
		{"IsForbidden", apierrors.IsForbidden, func(ctx context.Context) error {
			_, err := nobody.CoreV1().Secrets(t.namespace).List(ctx, metav1.ListOptions{})
			return err
		}},
		{"IsUnauthorized", apierrors.IsUnauthorized, func(ctx context.Context) error {
			_, err := stranger.CoreV1().Secrets(t.namespace).List(ctx, metav1.ListOptions{})
			return err
		}},
		{"IsMethodNotSupported", apierrors.IsMethodNotSupported, func(ctx context.Context) error {
			return t.client.CoreV1().RESTClient().Delete().Resource("componentstatuses").Name("etcd-0").Do(ctx).Error()
		}},
		{"IsUnsupportedMediaType", apierrors.IsUnsupportedMediaType, func(ctx context.Context) error {
			return t.client.CoreV1().RESTClient().Post().Namespace(t.namespace).Resource("configmaps").
				SetHeader("Content-Type", "text/plain").Body([]byte("hello")).Do(ctx).Error()
		}},
		{"IsNotAcceptable", apierrors.IsNotAcceptable, func(ctx context.Context) error {
			return t.client.CoreV1().RESTClient().Get().Namespace(t.namespace).Resource("configmaps").
				SetHeader("Accept", "text/plain").Do(ctx).Error()
		}},
		{"IsRequestEntityTooLargeError", apierrors.IsRequestEntityTooLargeError, func(ctx context.Context) error {
			_, err := maps.Create(ctx, configMap("large", map[string]string{"k": string(make([]byte, 4<<20))}), metav1.CreateOptions{})
			return err
		}},
		{"IsTimeout of a version of the future", apierrors.IsTimeout, func(ctx context.Context) error {
			_, err := maps.List(ctx, metav1.ListOptions{ResourceVersion: "9000000000", ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan})
			if !apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge) {
				return fmt.Errorf("without its cause: %w", errors.New(err.Error()))
			}
			return err
		}},
		{"IsTooManyRequests of an eviction", apierrors.IsTooManyRequests, func(ctx context.Context) error { return evictionAgainstBudget(ctx, t) }},
	} {
		t.check("errors: "+each.name, func(ctx context.Context) error {
			err := each.act(ctx)
			return expect(each.is(err), "%v (%s)", err, apierrors.ReasonForError(err))
		})
	}

	t.check("errors: an invalid object names each wrong field", func(ctx context.Context) error {
		wrong := deployment("wrong", -1)
		wrong.Spec.Template.Spec.Containers[0].Name = "No Name"
		_, err := t.client.AppsV1().Deployments(t.namespace).Create(ctx, wrong, metav1.CreateOptions{})
		var status apierrors.APIStatus
		if !errors.As(err, &status) {
			return fmt.Errorf("no status: %v", err)
		}
		details := status.Status().Details
		for _, cause := range []metav1.StatusCause{
			{Type: metav1.CauseTypeFieldValueInvalid, Field: "spec.replicas"},
			{Type: metav1.CauseTypeFieldValueInvalid, Field: "spec.template.spec.containers[0].name"},
		} {
			found := false
			for _, each := range details.Causes {
				found = found || (each.Type == cause.Type && each.Field == cause.Field)
			}
			if !found {
				return fmt.Errorf("no cause %v among %v", cause, details.Causes)
			}
		}
		return expect(details.Kind == "Deployment" && details.Group == "apps" && details.Name == "wrong", "details %v", details)
	})
}

// evictionAgainstBudget evicts a pod that a budget wants to stay; nothing runs it.
func evictionAgainstBudget(ctx context.Context, t *tour) error {
	labels := map[string]string{"app": "budget"}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "budget", Labels: labels},
		Spec: corev1.PodSpec{
			NodeName:                      "nowhere",
			TerminationGracePeriodSeconds: new(int64(0)),
			Containers:                    []corev1.Container{{Name: "main", Image: "tsukube.local/busybox"}},
		},
	}
	pods, budgets := t.client.CoreV1().Pods(t.namespace), t.client.PolicyV1().PodDisruptionBudgets(t.namespace)
	if _, err := pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return err
	}
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	if _, err := pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
		return err
	}
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "budget"},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, MinAvailable: new(intstr.FromInt32(1))},
	}
	if _, err := budgets.Create(ctx, budget, metav1.CreateOptions{}); err != nil {
		return err
	}
	defer func() {
		_ = budgets.Delete(context.Background(), "budget", metav1.DeleteOptions{})
		_ = pods.Delete(context.Background(), "budget", metav1.DeleteOptions{})
	}()
	for {
		err := pods.EvictV1(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "budget"}})
		if err == nil || apierrors.HasStatusCause(err, policyv1.DisruptionBudgetCause) || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

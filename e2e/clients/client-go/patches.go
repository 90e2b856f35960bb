package main

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/util/csaupgrade"
	"k8s.io/client-go/util/retry"
)

func patches(t *tour) {
	deployments := t.client.AppsV1().Deployments(t.namespace)
	_, err := deployments.Create(context.Background(), deployment("patched", 0), metav1.CreateOptions{})
	must(err)
	patch := func(ctx context.Context, kind types.PatchType, body string, subresources ...string) (string, error) {
		patched, err := deployments.Patch(ctx, "patched", kind, []byte(body), metav1.PatchOptions{FieldManager: "tour"}, subresources...)
		if err != nil {
			return "", err
		}
		container := patched.Spec.Template.Spec.Containers
		return fmt.Sprintf("%d %s %s %v", len(container), container[len(container)-1].Image, patched.Labels["l"], patched.Status.ObservedGeneration), nil
	}

	t.check("patch: strategic merges containers by name", func(ctx context.Context) error {
		got, err := patch(ctx, types.StrategicMergePatchType, `{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"tsukube.local/side"}],"$setElementOrder/containers":[{"name":"main"},{"name":"side"}]}}}}`)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(got, "2 tsukube.local/side") {
			return fmt.Errorf("got %s", got)
		}
		got, err = patch(ctx, types.StrategicMergePatchType, `{"spec":{"template":{"spec":{"containers":[{"name":"side","$patch":"delete"}]}}}}`)
		return expect(err == nil && strings.HasPrefix(got, "1 "), "got %s %v", got, err)
	})
	t.check("patch: merge replaces lists and removes what is null", func(ctx context.Context) error {
		got, err := patch(ctx, types.MergePatchType, `{"metadata":{"labels":{"l":"merged","app":null}}}`)
		return expect(err == nil && strings.Contains(got, " merged "), "got %s %v", got, err)
	})
	t.check("patch: JSON tests before it changes", func(ctx context.Context) error {
		got, err := patch(ctx, types.JSONPatchType, `[{"op":"test","path":"/metadata/labels/l","value":"merged"},{"op":"replace","path":"/metadata/labels/l","value":"json"}]`)
		if err != nil || !strings.Contains(got, " json ") {
			return fmt.Errorf("got %s %v", got, err)
		}
		_, err = patch(ctx, types.JSONPatchType, `[{"op":"test","path":"/metadata/labels/l","value":"merged"}]`)
		return expect(apierrors.IsInvalid(err), "a failed test: %v", err)
	})
	t.check("patch: status by its subresource", func(ctx context.Context) error {
		patched, err := deployments.Patch(ctx, "patched", types.MergePatchType, []byte(`{"status":{"conditions":[{"type":"Tour","status":"True"}]}}`), metav1.PatchOptions{}, "status")
		if err != nil {
			return err
		}
		return expect(len(patched.Status.Conditions) > 0, "status %v", patched.Status)
	})
	t.check("patch: retry on conflict ends", func(ctx context.Context) error {
		tries := 0
		return retry.RetryOnConflict(retry.DefaultRetry, func() error {
			tries++
			found, err := deployments.Get(ctx, "patched", metav1.GetOptions{})
			if err != nil {
				return err
			}
			if tries == 1 {
				found.ResourceVersion = "1"
			}
			found.Spec.Paused = true
			_, err = deployments.Update(ctx, found, metav1.UpdateOptions{})
			return err
		})
	})
}

func applies(t *tour) {
	deployments := t.client.AppsV1().Deployments(t.namespace)
	desired := func(image string) *applyapps.DeploymentApplyConfiguration {
		labels := map[string]string{"app": "applied"}
		return applyapps.Deployment("applied", t.namespace).WithSpec(applyapps.DeploymentSpec().
			WithReplicas(0).
			WithSelector(applymeta.LabelSelector().WithMatchLabels(labels)).
			WithTemplate(applycore.PodTemplateSpec().WithLabels(labels).WithSpec(applycore.PodSpec().
				WithContainers(applycore.Container().WithName("main").WithImage(image)))))
	}
	t.check("apply: creates, changes nothing when nothing changed, and conflicts", func(ctx context.Context) error {
		first, err := deployments.Apply(ctx, desired("a"), metav1.ApplyOptions{FieldManager: "one"})
		if err != nil {
			return err
		}
		if err := eventually(ctx, "observed", func() bool {
			first, err = deployments.Get(ctx, "applied", metav1.GetOptions{})
			return err == nil && first.Status.ObservedGeneration == first.Generation && len(first.Status.Conditions) > 0
		}); err != nil {
			return err
		}
		second, err := deployments.Apply(ctx, desired("a"), metav1.ApplyOptions{FieldManager: "one"})
		if err != nil {
			return err
		}
		if first.Generation != second.Generation {
			return fmt.Errorf("applied twice: generation %d became %d", first.Generation, second.Generation)
		}
		_, err = deployments.Apply(ctx, desired("b"), metav1.ApplyOptions{FieldManager: "two"})
		if !apierrors.IsConflict(err) || !apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict) {
			return fmt.Errorf("no conflict: %v", err)
		}
		forced, err := deployments.Apply(ctx, desired("b"), metav1.ApplyOptions{FieldManager: "two", Force: true})
		if err != nil {
			return err
		}
		return expect(forced.Spec.Template.Spec.Containers[0].Image == "b", "forced %v", forced.Spec)
	})
	t.check("apply: what a manager owns is extracted, and what it no longer applies goes", func(ctx context.Context) error {
		maps := t.client.CoreV1().ConfigMaps(t.namespace)
		wanted := applycore.ConfigMap("extracted", t.namespace).WithData(map[string]string{"a": "1", "b": "2"})
		made, err := maps.Apply(ctx, wanted, metav1.ApplyOptions{FieldManager: "extractor"})
		if err != nil {
			return err
		}
		mine, err := applycore.ExtractConfigMap(made, "extractor")
		if err != nil {
			return err
		}
		delete(mine.Data, "a")
		made, err = maps.Apply(ctx, mine, metav1.ApplyOptions{FieldManager: "extractor"})
		if err != nil {
			return err
		}
		return expect(len(made.Data) == 1 && made.Data["b"] == "2", "data %v", made.Data)
	})
	t.check("apply: status by its subresource", func(ctx context.Context) error {
		status := applycore.Node("applied").WithStatus(applycore.NodeStatus().
			WithConditions(applycore.NodeCondition().WithType("Tour").WithStatus("True")))
		if _, err := t.client.CoreV1().Nodes().Apply(ctx, applycore.Node("applied"), metav1.ApplyOptions{FieldManager: "one"}); err != nil {
			return err
		}
		defer func() {
			_ = t.client.CoreV1().Nodes().Delete(context.Background(), "applied", metav1.DeleteOptions{})
		}()
		node, err := t.client.CoreV1().Nodes().ApplyStatus(ctx, status, metav1.ApplyOptions{FieldManager: "one"})
		if err != nil {
			return err
		}
		for _, field := range node.ManagedFields {
			if field.Manager == "one" && field.Subresource == "status" && field.Operation == metav1.ManagedFieldsOperationApply {
				return nil
			}
		}
		return fmt.Errorf("managed fields %v", node.ManagedFields)
	})
	t.check("apply: fields of client-side apply move to server-side apply", func(ctx context.Context) error {
		maps := t.client.CoreV1().ConfigMaps(t.namespace)
		made, err := maps.Create(ctx, configMap("upgraded", map[string]string{"a": "1"}), metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"})
		if err != nil {
			return err
		}
		change, err := csaupgrade.UpgradeManagedFieldsPatch(made, sets.New("kubectl-client-side-apply"), "kubectl")
		if err != nil {
			return err
		}
		made, err = maps.Patch(ctx, "upgraded", types.JSONPatchType, change, metav1.PatchOptions{})
		if err != nil {
			return err
		}
		field := made.ManagedFields[0]
		return expect(field.Manager == "kubectl" && field.Operation == metav1.ManagedFieldsOperationApply, "managed fields %v", made.ManagedFields)
	})
}

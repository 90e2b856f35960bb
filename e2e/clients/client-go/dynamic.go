package main

import (
	"context"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
)

var widgets = schema.GroupVersionResource{Group: "tour.example.com", Version: "v1", Resource: "widgets"}

// definition is a kind of its own, with everything that a client can ask of one.
func definition() *apiextensionsv1.CustomResourceDefinition {
	props := func(properties map[string]apiextensionsv1.JSONSchemaProps) apiextensionsv1.JSONSchemaProps {
		return apiextensionsv1.JSONSchemaProps{Type: "object", Properties: properties}
	}
	number, text := apiextensionsv1.JSONSchemaProps{Type: "integer"}, apiextensionsv1.JSONSchemaProps{Type: "string"}
	replicas := number
	replicas.Default = &apiextensionsv1.JSON{Raw: []byte("1")}
	replicas.Maximum = new(10.0)
	structure := props(map[string]apiextensionsv1.JSONSchemaProps{
		"spec":   props(map[string]apiextensionsv1.JSONSchemaProps{"replicas": replicas, "color": text}),
		"status": props(map[string]apiextensionsv1.JSONSchemaProps{"replicas": number, "selector": text}),
	})
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "widgets.tour.example.com"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: widgets.Group,
			Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "widgets", Singular: "widget", Kind: "Widget", ShortNames: []string{"wdg"}, Categories: []string{"all"}},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &structure},
				Subresources: &apiextensionsv1.CustomResourceSubresources{
					Status: &apiextensionsv1.CustomResourceSubresourceStatus{},
					Scale:  &apiextensionsv1.CustomResourceSubresourceScale{SpecReplicasPath: ".spec.replicas", StatusReplicasPath: ".status.replicas", LabelSelectorPath: new(".status.selector")},
				},
				SelectableFields: []apiextensionsv1.SelectableField{{JSONPath: ".spec.color"}},
			}},
		},
	}
}

func widget(name, color string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": widgets.GroupVersion().String(), "kind": "Widget",
		"metadata": map[string]any{"name": name}, "spec": map[string]any{"color": color},
	}}
}

func dynamics(t *tour) {
	client, err := dynamic.NewForConfig(t.config)
	must(err)
	things := client.Resource(widgets).Namespace(t.namespace)

	t.check("dynamic: a definition is established, and serves at once", func(ctx context.Context) error {
		definitions, err := apiextensions.NewForConfig(t.config)
		if err != nil {
			return err
		}
		if _, err := definitions.ApiextensionsV1().CustomResourceDefinitions().Create(ctx, definition(), metav1.CreateOptions{}); err != nil {
			return err
		}
		if err := eventually(ctx, "established", func() bool {
			found, err := definitions.ApiextensionsV1().CustomResourceDefinitions().Get(ctx, definition().Name, metav1.GetOptions{})
			if err != nil {
				return false
			}
			for _, condition := range found.Status.Conditions {
				if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
					return true
				}
			}
			return false
		}); err != nil {
			return err
		}
		_, err = things.List(ctx, metav1.ListOptions{})
		return err
	})

	t.check("dynamic: create, default, update, status, patch, apply and delete", func(ctx context.Context) error {
		made, err := things.Create(ctx, widget("a", "red"), metav1.CreateOptions{})
		if err != nil {
			return err
		}
		if replicas, _, _ := unstructured.NestedInt64(made.Object, "spec", "replicas"); replicas != 1 {
			return fmt.Errorf("made %v", made)
		}
		must(unstructured.SetNestedField(made.Object, int64(3), "spec", "replicas"))
		if made, err = things.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
			return err
		}
		if made.GetGeneration() != 2 {
			return fmt.Errorf("generation %d", made.GetGeneration())
		}
		must(unstructured.SetNestedField(made.Object, int64(2), "status", "replicas"))
		if made, err = things.UpdateStatus(ctx, made, metav1.UpdateOptions{}); err != nil {
			return err
		}
		if _, err = things.Patch(ctx, "a", types.MergePatchType, []byte(`{"spec":{"replicas":11}}`), metav1.PatchOptions{}); !apierrors.IsInvalid(err) {
			return fmt.Errorf("eleven replicas: %v", err)
		}
		if _, err = things.Patch(ctx, "a", types.StrategicMergePatchType, []byte(`{}`), metav1.PatchOptions{}); !apierrors.IsUnsupportedMediaType(err) {
			return fmt.Errorf("strategic: %v", err)
		}
		if made, err = things.Apply(ctx, "a", widget("a", "blue"), metav1.ApplyOptions{FieldManager: "tour", Force: true}); err != nil {
			return err
		}
		if color, _, _ := unstructured.NestedString(made.Object, "spec", "color"); color != "blue" {
			return fmt.Errorf("applied %v", made)
		}
		chosen, err := things.List(ctx, metav1.ListOptions{FieldSelector: "spec.color=blue"})
		if err != nil {
			return err
		}
		if len(chosen.Items) != 1 {
			return fmt.Errorf("chose %d", len(chosen.Items))
		}
		return things.Delete(ctx, "a", metav1.DeleteOptions{})
	})

	t.check("dynamic: an informer of a kind that is made up", func(ctx context.Context) error {
		factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, 0, t.namespace, nil)
		lister := factory.ForResource(widgets).Lister()
		stop, cancel := context.WithCancel(ctx)
		defer factory.Shutdown()
		defer cancel()
		factory.Start(stop.Done())
		factory.WaitForCacheSync(ctx.Done())
		if _, err := things.Create(ctx, widget("b", "green"), metav1.CreateOptions{}); err != nil {
			return err
		}
		return eventually(ctx, "informed", func() bool { _, err := lister.ByNamespace(t.namespace).Get("b"); return err == nil })
	})
}

func metadataOnly(t *tour) {
	client, err := metadata.NewForConfig(t.config)
	must(err)
	maps := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	for name, resource := range map[string]schema.GroupVersionResource{"ConfigMaps": maps, "a kind of its own": widgets} {
		t.check("metadata: list, get, patch, watch and inform of "+name, func(ctx context.Context) error {
			objects := client.Resource(resource).Namespace(t.namespace)
			list, err := objects.List(ctx, metav1.ListOptions{})
			if err != nil {
				return err
			}
			if len(list.Items) == 0 {
				return fmt.Errorf("none")
			}
			first := list.Items[0].Name
			got, err := objects.Get(ctx, first, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if got.UID == "" || got.UID != list.Items[0].UID {
				return fmt.Errorf("got %v", got)
			}
			watching, err := objects.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
			if err != nil {
				return err
			}
			defer watching.Stop()
			patched, err := objects.Patch(ctx, first, types.MergePatchType, []byte(`{"metadata":{"labels":{"seen":"yes"}}}`), metav1.PatchOptions{})
			if err != nil {
				return err
			}
			event := <-watching.ResultChan()
			accessor, err := meta.Accessor(event.Object)
			if err != nil {
				return err
			}
			if accessor.GetLabels()["seen"] != "yes" || patched.Labels["seen"] != "yes" {
				return fmt.Errorf("watched %v", event)
			}
			factory := metadatainformer.NewFilteredSharedInformerFactory(client, time.Minute, t.namespace, nil)
			lister := factory.ForResource(resource).Lister()
			stop, cancel := context.WithCancel(ctx)
			defer factory.Shutdown()
			defer cancel()
			factory.Start(stop.Done())
			factory.WaitForCacheSync(ctx.Done())
			_, err = lister.ByNamespace(t.namespace).Get(first)
			return err
		})
	}
}

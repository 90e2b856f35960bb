package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/disk"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/openapi"
	"k8s.io/client-go/openapi3"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/util/retry"
)

func discoveries(t *tour) {
	client := t.client.Discovery()

	t.check("discovery: groups, resources and preferred versions", func(context.Context) error {
		groups, lists, err := client.ServerGroupsAndResources()
		if err != nil {
			return err
		}
		if len(groups) < 20 || len(lists) < 20 {
			return fmt.Errorf("%d groups, %d versions", len(groups), len(lists))
		}
		preferred, err := client.ServerPreferredNamespacedResources()
		if err != nil {
			return err
		}
		deletable := discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"delete", "list", "watch"}}, preferred)
		found, err := discovery.GroupVersionResources(deletable)
		if err != nil {
			return err
		}
		for _, resource := range []schema.GroupVersionResource{widgets, {Group: "apps", Version: "v1", Resource: "deployments"}, {Version: "v1", Resource: "pods"}} {
			if _, ok := found[resource]; !ok {
				return fmt.Errorf("no %v", resource)
			}
		}
		return nil
	})
	t.check("discovery: without aggregation the answers are the same", func(context.Context) error {
		_, aggregated, err := client.ServerGroupsAndResources()
		if err != nil {
			return err
		}
		_, plain, err := client.WithLegacy().ServerGroupsAndResources()
		if err != nil {
			return err
		}
		count := func(lists []*metav1.APIResourceList) map[string]bool {
			names := map[string]bool{}
			for _, list := range lists {
				for _, resource := range list.APIResources {
					names[fmt.Sprintln(list.GroupVersion, resource.Name, resource.Kind, resource.Namespaced, resource.Verbs, resource.ShortNames, resource.Categories)] = true
				}
			}
			return names
		}
		one, other := count(aggregated), count(plain)
		for name := range one {
			if !other[name] {
				return fmt.Errorf("only aggregated: %s", name)
			}
		}
		return expect(len(one) == len(other), "%d and %d resources", len(one), len(other))
	})
	t.check("discovery: a version with numbers, and OpenAPI 2 and 3", func(context.Context) error {
		version, err := client.ServerVersion()
		if err != nil {
			return err
		}
		if version.Major != "1" || version.Minor == "" {
			return fmt.Errorf("version %v", version)
		}
		document, err := client.OpenAPISchema()
		if err != nil {
			return err
		}
		if len(document.GetDefinitions().GetAdditionalProperties()) < 500 {
			return fmt.Errorf("%d definitions", len(document.GetDefinitions().GetAdditionalProperties()))
		}
		root := openapi3.NewRoot(client.OpenAPIV3())
		versions, err := root.GroupVersions()
		if err != nil {
			return err
		}
		for _, each := range versions {
			if _, err := root.GVSpec(each); err != nil {
				return fmt.Errorf("%v: %w", each, err)
			}
		}
		paths, err := client.OpenAPIV3().Paths()
		if err != nil {
			return err
		}
		for _, kind := range []string{"application/json", openapi.ContentTypeOpenAPIV3PB} {
			if _, err := paths["apis/apps/v1"].Schema(kind); err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
		}
		return nil
	})
	t.check("discovery: a RESTMapper learns of kinds that come later, by kind, short name and category", func(context.Context) error {
		cached := memory.NewMemCacheClient(client)
		mapper := restmapper.NewDeferredDiscoveryRESTMapper(cached)
		mapping, err := mapper.RESTMapping(schema.GroupKind{Group: widgets.Group, Kind: "Widget"})
		if err != nil {
			return err
		}
		if mapping.Resource != widgets || mapping.Scope.Name() != meta.RESTScopeNameNamespace {
			return fmt.Errorf("mapped to %v", mapping)
		}
		short := restmapper.NewShortcutExpander(mapper, cached, nil)
		for name, kind := range map[string]string{"wdg": "Widget", "deploy": "Deployment", "po": "Pod", "cm": "ConfigMap", "netpol": "NetworkPolicy"} {
			got, err := short.KindFor(schema.GroupVersionResource{Resource: name})
			if err != nil || got.Kind != kind {
				return fmt.Errorf("%s is %v, %v", name, got, err)
			}
		}
		all, ok := restmapper.NewDiscoveryCategoryExpander(cached).Expand("all")
		return expect(ok && len(all) >= 12, "all is %v", all)
	})
	t.check("discovery: a cache on disk", func(context.Context) error {
		folder, err := os.MkdirTemp("", "tour-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(folder) }()
		cached, err := disk.NewCachedDiscoveryClientForConfig(t.config, folder, folder+"/http", time.Minute)
		if err != nil {
			return err
		}
		for range 2 {
			if _, err := cached.ServerPreferredResources(); err != nil {
				return err
			}
			cached.Invalidate()
		}
		return nil
	})
}

func scales(t *tour) {
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(t.client.Discovery()))
	resolver := scale.NewDiscoveryScaleKindResolver(t.client.Discovery())
	scaler, err := scale.NewForConfig(t.config, mapper, dynamic.LegacyAPIPathResolverFunc, resolver)
	must(err)
	_, err = t.client.AppsV1().Deployments(t.namespace).Create(context.Background(), deployment("scaled", 0), metav1.CreateOptions{})
	must(err)
	for resource, name := range map[schema.GroupResource]string{{Group: "apps", Resource: "deployments"}: "scaled", widgets.GroupResource(): "b"} {
		t.check("scale: get, update and patch of "+resource.String(), func(ctx context.Context) error {
			client := scaler.Scales(t.namespace)
			// a controller may write the status in between
			if err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
				found, err := client.Get(ctx, resource, name, metav1.GetOptions{})
				if err != nil {
					return err
				}
				found.Spec.Replicas = 2
				if found, err = client.Update(ctx, resource, found, metav1.UpdateOptions{}); err != nil {
					return err
				}
				return expect(found.Spec.Replicas == 2, "updated to %v", found)
			}); err != nil {
				return err
			}
			found, err := client.Patch(ctx, resource.WithVersion("v1"), name, types.MergePatchType, []byte(`{"spec":{"replicas":0}}`), metav1.PatchOptions{})
			if err != nil {
				return err
			}
			return expect(found.Spec.Replicas == 0, "patched to %v", found)
		})
	}
}

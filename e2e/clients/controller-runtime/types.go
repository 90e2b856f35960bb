package main

import (
	"fmt"
	"strconv"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/conversion"
)

// Shop exists in two versions: v1 counts its windows with a number, v1beta1 with words.
type Shop struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              ShopSpec   `json:"spec"`
	Status            ShopStatus `json:"status,omitempty"`
}

type ShopSpec struct {
	Owner   string `json:"owner,omitempty"`
	Windows int    `json:"windows,omitempty"`
}

type ShopStatus struct {
	Ready              bool               `json:"ready,omitempty"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type ShopList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Shop `json:"items"`
}

func (in *Shop) Hub() {}

func (in *Shop) DeepCopyObject() runtime.Object {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Status.Conditions = append([]metav1.Condition(nil), in.Status.Conditions...)
	return &out
}

func (in *ShopList) DeepCopyObject() runtime.Object {
	out := *in
	out.Items = make([]Shop, len(in.Items))
	for index := range in.Items {
		out.Items[index] = *in.Items[index].DeepCopyObject().(*Shop)
	}
	return &out
}

// OldShop is a Shop in v1beta1.
type OldShop struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              OldShopSpec `json:"spec"`
	Status            ShopStatus  `json:"status,omitempty"`
}

type OldShopSpec struct {
	Owner   string `json:"owner,omitempty"`
	Windows string `json:"windows,omitempty"`
}

func (in *OldShop) DeepCopyObject() runtime.Object {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Status.Conditions = append([]metav1.Condition(nil), in.Status.Conditions...)
	return &out
}

func (in *OldShop) ConvertTo(hub conversion.Hub) error {
	shop, ok := hub.(*Shop)
	if !ok {
		return fmt.Errorf("not a Shop: %T", hub)
	}
	shop.ObjectMeta, shop.Status, shop.Spec.Owner = in.ObjectMeta, in.Status, in.Spec.Owner
	if in.Spec.Windows == "" {
		return nil
	}
	var err error
	shop.Spec.Windows, err = strconv.Atoi(in.Spec.Windows)
	return err
}

func (in *OldShop) ConvertFrom(hub conversion.Hub) error {
	shop, ok := hub.(*Shop)
	if !ok {
		return fmt.Errorf("not a Shop: %T", hub)
	}
	in.ObjectMeta, in.Status, in.Spec.Owner = shop.ObjectMeta, shop.Status, shop.Spec.Owner
	in.Spec.Windows = strconv.Itoa(shop.Spec.Windows)
	return nil
}

const group = "runtime.example.com"

var (
	current = schema.GroupVersion{Group: group, Version: "v1"}
	former  = schema.GroupVersion{Group: group, Version: "v1beta1"}
)

func addToScheme(scheme *runtime.Scheme) {
	scheme.AddKnownTypeWithName(current.WithKind("Shop"), &Shop{})
	scheme.AddKnownTypeWithName(current.WithKind("ShopList"), &ShopList{})
	scheme.AddKnownTypeWithName(former.WithKind("Shop"), &OldShop{})
	metav1.AddToGroupVersion(scheme, current)
	metav1.AddToGroupVersion(scheme, former)
}

// definition of both versions; the server at url converts.
func definition(url string, ca []byte) *apiextensionsv1.CustomResourceDefinition {
	version := func(name string, windows apiextensionsv1.JSONSchemaProps) apiextensionsv1.CustomResourceDefinitionVersion {
		keep := new(true)
		return apiextensionsv1.CustomResourceDefinitionVersion{
			Name: name, Served: true, Storage: name == "v1",
			Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
			Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
				Type: "object",
				Properties: map[string]apiextensionsv1.JSONSchemaProps{
					"spec": {Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
						"owner": {Type: "string"}, "windows": windows,
					}},
					"status": {Type: "object", XPreserveUnknownFields: keep},
				},
			}},
		}
	}
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "shops." + group},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: group, Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "shops", Singular: "shop", Kind: "Shop", ListKind: "ShopList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{
				version("v1", apiextensionsv1.JSONSchemaProps{Type: "integer"}),
				version("v1beta1", apiextensionsv1.JSONSchemaProps{Type: "string"}),
			},
			Conversion: &apiextensionsv1.CustomResourceConversion{
				Strategy: apiextensionsv1.WebhookConverter,
				Webhook: &apiextensionsv1.WebhookConversion{
					ConversionReviewVersions: []string{"v1"},
					ClientConfig:             &apiextensionsv1.WebhookClientConfig{URL: new(url + "/convert"), CABundle: ca},
				},
			},
		},
	}
}

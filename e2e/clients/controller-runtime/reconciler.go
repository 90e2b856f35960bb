package main

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

const finalizer = group + "/closing"

// reconciler keeps a ConfigMap for each Shop, and says goodbye before one is gone.
type reconciler struct {
	client.Client
	recorder events.EventRecorder
}

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	shop := &Shop{}
	if err := r.Get(ctx, request.NamespacedName, shop); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !shop.DeletionTimestamp.IsZero() {
		goodbye := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "goodbye-" + shop.Name, Namespace: shop.Namespace}}
		if err := r.Create(ctx, goodbye); client.IgnoreAlreadyExists(err) != nil {
			return ctrl.Result{}, err
		}
		controllerutil.RemoveFinalizer(shop, finalizer)
		return ctrl.Result{}, r.Update(ctx, shop)
	}
	if controllerutil.AddFinalizer(shop, finalizer) {
		return ctrl.Result{}, r.Update(ctx, shop)
	}
	stock := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: shop.Name, Namespace: shop.Namespace}}
	result, err := controllerutil.CreateOrUpdate(ctx, r.Client, stock, func() error {
		stock.Data = map[string]string{"windows": fmt.Sprint(shop.Spec.Windows)}
		return controllerutil.SetControllerReference(shop, stock, r.Scheme())
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	if result != controllerutil.OperationResultNone {
		r.recorder.Eventf(shop, nil, corev1.EventTypeNormal, "Stocked", "Stock", "stock was %s", result)
	}
	before := shop.DeepCopyObject().(*Shop)
	shop.Status.Ready, shop.Status.ObservedGeneration = true, shop.Generation
	meta.SetStatusCondition(&shop.Status.Conditions, metav1.Condition{Type: "Open", Status: metav1.ConditionTrue, Reason: "Stocked", ObservedGeneration: shop.Generation})
	return ctrl.Result{}, r.Status().Patch(ctx, shop, client.MergeFrom(before))
}

// opinion is what the webhooks think of Shops.
type opinion struct{}

func (opinion) Default(_ context.Context, shop *Shop) error {
	if shop.Spec.Owner == "" {
		shop.Spec.Owner = "nobody"
	}
	return nil
}

func (opinion) ValidateCreate(_ context.Context, shop *Shop) (admission.Warnings, error) {
	return nil, judged(shop)
}

func (opinion) ValidateUpdate(_ context.Context, _, shop *Shop) (admission.Warnings, error) {
	return admission.Warnings{"shops rarely change"}, judged(shop)
}

func (opinion) ValidateDelete(_ context.Context, shop *Shop) (admission.Warnings, error) {
	if shop.Labels["keep"] == "yes" {
		return nil, errors.New("this one stays")
	}
	return nil, nil
}

func judged(shop *Shop) error {
	if shop.Spec.Windows > 100 {
		return errors.New("too many windows")
	}
	return nil
}

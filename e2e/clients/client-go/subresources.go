package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/certificate/csr"
)

func subresources(t *tour) {
	t.check("subresources: a ServiceAccount's token, reviewed and used", func(ctx context.Context) error {
		accounts := t.client.CoreV1().ServiceAccounts(t.namespace)
		if _, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "tourist"}}, metav1.CreateOptions{}); err != nil {
			return err
		}
		token, err := accounts.CreateToken(ctx, "tourist", &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(600))}}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		review, err := t.client.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token}}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		name := "system:serviceaccount:" + t.namespace + ":tourist"
		if !review.Status.Authenticated || review.Status.User.Username != name {
			return fmt.Errorf("reviewed %v", review.Status)
		}
		config := rest.AnonymousClientConfig(t.config)
		config.BearerToken = token.Status.Token
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		self, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		if self.Status.UserInfo.Username != name {
			return fmt.Errorf("is %v", self.Status.UserInfo)
		}
		may, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "list", Resource: "secrets", Namespace: t.namespace}},
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		if may.Status.Allowed {
			return fmt.Errorf("may list secrets")
		}
		rules, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: t.namespace}}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		return expect(len(rules.Status.NonResourceRules) > 0 && !rules.Status.Incomplete, "rules %v", rules.Status)
	})

	t.check("subresources: a pod is bound once, resized, and told of ephemeral containers", func(ctx context.Context) error {
		pods := t.client.CoreV1().Pods(t.namespace)
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "bound"},
			Spec: corev1.PodSpec{
				SchedulerName:                 "nobody",
				TerminationGracePeriodSeconds: new(int64(0)),
				Containers:                    []corev1.Container{{Name: "main", Image: "tsukube.local/busybox"}},
			},
		}
		if _, err := pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			return err
		}
		defer func() {
			_ = pods.Delete(context.Background(), "bound", metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
		}()
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: "bound"}, Target: corev1.ObjectReference{Kind: "Node", Name: "nowhere"}}
		if err := pods.Bind(ctx, binding, metav1.CreateOptions{}); err != nil {
			return err
		}
		if err := pods.Bind(ctx, binding, metav1.CreateOptions{}); !apierrors.IsConflict(err) {
			return fmt.Errorf("bound twice: %v", err)
		}
		found, err := pods.Get(ctx, "bound", metav1.GetOptions{})
		if err != nil {
			return err
		}
		found.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: "tsukube.local/busybox"}}}
		found, err = pods.UpdateEphemeralContainers(ctx, "bound", found, metav1.UpdateOptions{})
		if err != nil {
			return err
		}
		return expect(len(found.Spec.EphemeralContainers) == 1 && found.Spec.NodeName == "nowhere", "pod %v", found.Spec)
	})

	t.check("subresources: a namespace is finalized with what is in it", func(ctx context.Context) error {
		spaces := t.client.CoreV1().Namespaces()
		name := t.namespace + "-gone"
		if _, err := spaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
			return err
		}
		if _, err := t.client.CoreV1().ConfigMaps(name).Create(ctx, configMap("a", nil), metav1.CreateOptions{}); err != nil {
			return err
		}
		if err := spaces.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			return err
		}
		if _, err := t.client.CoreV1().ConfigMaps(name).Create(ctx, configMap("b", nil), metav1.CreateOptions{}); err != nil && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) && !apierrors.IsNotFound(err) {
			return fmt.Errorf("created into the end: %w", err)
		}
		return eventually(ctx, "gone", func() bool {
			_, err := spaces.Get(ctx, name, metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		})
	})
}

func certificates(t *tour) {
	t.check("certificates: one is requested, approved, signed and opens the door", func(ctx context.Context) error {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "traveller"}}, key)
		if err != nil {
			return err
		}
		encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request})
		usages := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth}
		name, uid, err := csr.RequestCertificateWithContext(ctx, t.client, encoded, "traveller", certificatesv1.KubeAPIServerClientSignerName, nil, usages, key)
		if err != nil {
			return err
		}
		requests := t.client.CertificatesV1().CertificateSigningRequests()
		made, err := requests.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		made.Status.Conditions = append(made.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Tour"})
		if _, err := requests.UpdateApproval(ctx, name, made, metav1.UpdateOptions{}); err != nil {
			return err
		}
		signed, err := csr.WaitForCertificate(ctx, t.client, name, uid)
		if err != nil {
			return err
		}
		private, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return err
		}
		config := rest.AnonymousClientConfig(t.config)
		config.CertData, config.KeyData = signed, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private})
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		self, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		return expect(self.Status.UserInfo.Username == "traveller", "is %v", self.Status.UserInfo)
	})
}

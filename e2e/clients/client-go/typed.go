package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"
)

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
}

func deployment(name string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	container := corev1.Container{
		Name: "main", Image: "tsukube.local/busybox", Command: []string{"sleep", "infinity"},
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1m")}},
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{container}},
			},
		},
	}
}

// recorder notes how each answer was encoded.
type recorder struct {
	mutex sync.Mutex
	types map[string]int
	next  http.RoundTripper
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err == nil {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.types[response.Header.Get("Content-Type")]++
	}
	return response, err
}

// warnings collects what the server warns of.
type warnings struct{ texts []string }

func (w *warnings) HandleWarningHeader(_ int, _ string, text string) { w.texts = append(w.texts, text) }

func typed(t *tour) {
	maps := t.client.CoreV1().ConfigMaps(t.namespace)

	t.check("typed: create, get, update, list and delete", func(ctx context.Context) error {
		made, err := maps.Create(ctx, configMap("a", map[string]string{"k": "1"}), metav1.CreateOptions{})
		if err != nil {
			return err
		}
		made.Data["k"] = "2"
		made.BinaryData = map[string][]byte{"b": {0, 255, 1}}
		updated, err := maps.Update(ctx, made, metav1.UpdateOptions{})
		if err != nil {
			return err
		}
		read, err := maps.Get(ctx, "a", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if read.ResourceVersion != updated.ResourceVersion || read.Data["k"] != "2" || read.BinaryData["b"][1] != 255 {
			return fmt.Errorf("read %v", read)
		}
		list, err := maps.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=a"})
		if err != nil {
			return err
		}
		if len(list.Items) != 1 || list.ResourceVersion == "" {
			return fmt.Errorf("listed %v", list)
		}
		return maps.Delete(ctx, "a", metav1.DeleteOptions{Preconditions: metav1.NewRVDeletionPrecondition(read.ResourceVersion).Preconditions})
	})

	for _, contentType := range []string{runtime.ContentTypeProtobuf, runtime.ContentTypeJSON} {
		t.check("typed: the same objects as "+contentType, func(ctx context.Context) error {
			return inContentType(ctx, t, contentType)
		})
	}

	t.check("typed: generateName, dry run, strict validation and warnings", func(ctx context.Context) error {
		heard := &warnings{}
		config := rest.CopyConfig(t.config)
		config.WarningHandler = heard
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		made, err := client.CoreV1().ConfigMaps(t.namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "made-"}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return err
		}
		if !strings.HasPrefix(made.Name, "made-") || len(made.Name) != len("made-")+5 {
			return fmt.Errorf("named %q", made.Name)
		}
		list, err := maps.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, each := range list.Items {
			if each.Name == made.Name {
				return fmt.Errorf("a dry run stored %q", made.Name)
			}
		}
		body := []byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"unknown"},"dta":{}}`)
		post := func(validation string) error {
			return client.CoreV1().RESTClient().Post().Namespace(t.namespace).Resource("configmaps").
				Param("fieldValidation", validation).SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
		}
		if err := post("Strict"); err == nil || !strings.Contains(err.Error(), `unknown field "dta"`) {
			return fmt.Errorf("strict: %v", err)
		}
		if err := post("Warn"); err != nil {
			return err
		}
		return expect(len(heard.texts) == 1 && heard.texts[0] == `unknown field "dta"`, "warned %q", heard.texts)
	})

	t.check("typed: pages of a list, and DeleteCollection by label", func(ctx context.Context) error {
		labels := map[string]string{"page": "yes"}
		for index := range 25 {
			each := configMap(fmt.Sprintf("page-%02d", index), nil)
			each.Labels = labels
			if _, err := maps.Create(ctx, each, metav1.CreateOptions{}); err != nil {
				return err
			}
		}
		pages := 0
		reader := pager.New(pager.SimplePageFunc(func(options metav1.ListOptions) (runtime.Object, error) {
			pages++
			return maps.List(ctx, options)
		}))
		reader.PageSize = 10
		seen := 0
		err := reader.EachListItem(ctx, metav1.ListOptions{LabelSelector: "page in (yes)"}, func(runtime.Object) error { seen++; return nil })
		if err != nil {
			return err
		}
		if seen != 25 || pages != 3 {
			return fmt.Errorf("%d objects in %d pages", seen, pages)
		}
		if err := maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "page=yes"}); err != nil {
			return err
		}
		left, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "page=yes"})
		if err != nil {
			return err
		}
		return expect(len(left.Items) == 0, "%d are left", len(left.Items))
	})

	t.check("typed: foreground, background and orphan deletion of a Deployment", func(ctx context.Context) error {
		for _, policy := range []metav1.DeletionPropagation{metav1.DeletePropagationForeground, metav1.DeletePropagationBackground, metav1.DeletePropagationOrphan} {
			if err := deletedBy(ctx, t, policy); err != nil {
				return fmt.Errorf("%s: %w", policy, err)
			}
		}
		return nil
	})

	t.check("typed: requests time out as they are told to", func(ctx context.Context) error {
		seconds := int64(1)
		began := time.Now()
		watch, err := maps.Watch(ctx, metav1.ListOptions{TimeoutSeconds: &seconds})
		if err != nil {
			return err
		}
		for range watch.ResultChan() {
		}
		if took := time.Since(began); took < 900*time.Millisecond || took > 10*time.Second {
			return fmt.Errorf("a watch of one second took %s", took)
		}
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		watch, err = maps.Watch(short, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for range watch.ResultChan() {
		}
		return nil
	})
}

// inContentType writes, reads, lists and watches one Deployment in one encoding.
func inContentType(ctx context.Context, t *tour, contentType string) error {
	notes := &recorder{types: map[string]int{}}
	config := rest.CopyConfig(t.config)
	config.ContentType = contentType
	config.AcceptContentTypes = contentType
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { notes.next = next; return notes })
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	deployments := client.AppsV1().Deployments(t.namespace)
	made, err := deployments.Create(ctx, deployment("encoded", 0), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	seconds := int64(1)
	watch, err := deployments.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=encoded", TimeoutSeconds: &seconds})
	if err != nil {
		return err
	}
	event := <-watch.ResultChan()
	watch.Stop()
	if watched, ok := event.Object.(*appsv1.Deployment); !ok || watched.UID != made.UID {
		return fmt.Errorf("watched %v", event)
	}
	list, err := deployments.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if list.Items[0].Spec.Template.Spec.Containers[0].Resources.Requests.Cpu().MilliValue() != 1 {
		return fmt.Errorf("listed %v", list.Items[0])
	}
	if err := deployments.Delete(ctx, "encoded", metav1.DeleteOptions{}); err != nil {
		return err
	}
	for got := range notes.types {
		if !strings.HasPrefix(got, contentType) {
			return fmt.Errorf("answered in %v", notes.types)
		}
	}
	return nil
}

func deletedBy(ctx context.Context, t *tour, policy metav1.DeletionPropagation) error {
	deployments, sets := t.client.AppsV1().Deployments(t.namespace), t.client.AppsV1().ReplicaSets(t.namespace)
	if _, err := deployments.Create(ctx, deployment("owner", 1), metav1.CreateOptions{}); err != nil {
		return err
	}
	mine := metav1.ListOptions{LabelSelector: "app=owner"}
	count := func() int {
		list, err := sets.List(ctx, mine)
		if err != nil {
			return -1
		}
		return len(list.Items)
	}
	if err := eventually(ctx, "a ReplicaSet", func() bool { return count() == 1 }); err != nil {
		return err
	}
	if err := deployments.Delete(ctx, "owner", metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
		return err
	}
	gone := func() bool { _, err := deployments.Get(ctx, "owner", metav1.GetOptions{}); return err != nil }
	if err := eventually(ctx, "gone", gone); err != nil {
		return err
	}
	if policy != metav1.DeletePropagationOrphan {
		return eventually(ctx, "gone with its ReplicaSet", func() bool { return count() == 0 })
	}
	orphan, err := sets.List(ctx, mine)
	if err != nil {
		return err
	}
	if len(orphan.Items) != 1 || len(orphan.Items[0].OwnerReferences) != 0 {
		return fmt.Errorf("orphans %v", orphan.Items)
	}
	return sets.Delete(ctx, orphan.Items[0].Name, metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationBackground)})
}

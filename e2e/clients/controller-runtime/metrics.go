package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// metrics reads every component's as Prometheus does, as text and as protobuf: they must say the same.
func metrics(ctx context.Context, to *rest.Config, direct client.Client) error {
	through, err := rest.HTTPClientFor(to)
	if err != nil {
		return err
	}
	var nodes corev1.NodeList
	if err := direct.List(ctx, &nodes); err != nil {
		return err
	}
	paths := []string{"/metrics", "/metrics/slis"}
	for _, node := range nodes.Items {
		for _, path := range []string{"metrics", "metrics/cadvisor", "metrics/resource", "metrics/probes"} {
			paths = append(paths, "/api/v1/nodes/"+node.Name+"/proxy/"+path)
		}
	}
	for _, path := range paths {
		text, err := families(ctx, through, to.Host+path, expfmt.NewFormat(expfmt.TypeTextPlain))
		if err != nil {
			return fmt.Errorf("%s as text: %w", path, err)
		}
		binary, err := families(ctx, through, to.Host+path, expfmt.NewFormat(expfmt.TypeProtoDelim))
		if err != nil {
			return fmt.Errorf("%s as protobuf: %w", path, err)
		}
		if err := same(text, binary); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for name, family := range binary {
			if family.GetType() == dto.MetricType_HISTOGRAM && family.Metric[0].GetHistogram().Schema == nil {
				return fmt.Errorf("%s: %s is no native histogram", path, name)
			}
		}
	}
	return nil
}

func families(ctx context.Context, through *http.Client, url string, format expfmt.Format) (map[string]*dto.MetricFamily, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", string(format))
	response, err := through.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s", response.Status)
	}
	answered := expfmt.ResponseFormat(response.Header)
	if answered.FormatType() != format.FormatType() {
		return nil, fmt.Errorf("answered with %s", response.Header.Get("Content-Type"))
	}
	found := map[string]*dto.MetricFamily{}
	decoder := expfmt.NewDecoder(bytes.NewReader(body), answered)
	for {
		family := &dto.MetricFamily{}
		if err := decoder.Decode(family); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, err
		}
		if found[family.GetName()] != nil || len(family.Metric) == 0 {
			return nil, fmt.Errorf("%s comes twice or has nothing", family.GetName())
		}
		found[family.GetName()] = family
		seen := map[string]bool{}
		for _, metric := range family.Metric {
			if labels := labelsOf(metric); seen[labels] {
				return nil, fmt.Errorf("%s%s comes twice", family.GetName(), labels)
			} else {
				seen[labels] = true
			}
		}
	}
}

func labelsOf(metric *dto.Metric) string {
	var labels []string
	for _, label := range metric.Label {
		labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
	}
	slices.Sort(labels)
	return strings.Join(labels, ",")
}

// same compares what does not change from one look to the next; what is counted later is in the second alone.
func same(one, other map[string]*dto.MetricFamily) error {
	for name, family := range one {
		twin := other[name]
		if twin == nil || twin.GetType() != family.GetType() || twin.GetHelp() != family.GetHelp() {
			return fmt.Errorf("%s is otherwise in protobuf", name)
		}
		for i, bucket := range family.Metric[0].GetHistogram().GetBucket() {
			buckets := twin.Metric[0].GetHistogram().GetBucket()
			if i < len(buckets) && buckets[i].GetUpperBound() != bucket.GetUpperBound() {
				return fmt.Errorf("%s has other buckets in protobuf", name)
			}
		}
	}
	return nil
}

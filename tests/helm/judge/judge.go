package main

import (
	"fmt"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/api/service"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corev1conversion "k8s.io/kubernetes/pkg/apis/core/v1"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/rbac"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	rbacvalidation "k8s.io/kubernetes/pkg/apis/rbac/validation"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

var (
	strictCodecs = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)
	// Prometheus' operator brings these kinds; their schema is their Go type.
	customKinds = map[string]func() any{
		"ServiceMonitor": func() any { return &monitoringv1.ServiceMonitor{} },
		"PrometheusRule": func() any { return &monitoringv1.PrometheusRule{} },
	}
)

// judge returns everything that is wrong with one document.
func judge(document []byte, security bool) []string {
	var head struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"metadata"`
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return []string{fmt.Sprintf("not YAML: %v", err)}
	}
	name := fmt.Sprintf("%s %s/%s", head.Kind, head.Metadata.Namespace, head.Metadata.Name)
	if newObject := customKinds[head.Kind]; newObject != nil && head.APIVersion == "monitoring.coreos.com/v1" {
		if err := yaml.UnmarshalStrict(document, newObject()); err != nil {
			return []string{fmt.Sprintf("%s: %v", name, err)}
		}
		return nil
	}
	object, _, err := strictCodecs.UniversalDecoder().Decode(asJSON(document), nil, nil)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", name, err)}
	}
	invalid, pod := validate(object)
	var faults []string
	for _, err := range invalid {
		faults = append(faults, fmt.Sprintf("%s: %v", name, err))
	}
	if pod != nil && security {
		faults = append(faults, judgeSecurity(name, pod)...)
	}
	return faults
}

func asJSON(document []byte) []byte {
	converted, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return document // the decoder says what is wrong
	}
	return converted
}

// validate runs what the API server runs at a create. The pod is the object itself, or what its controller makes of it.
func validate(object runtime.Object) (field.ErrorList, *core.Pod) {
	options := corevalidation.PodValidationOptions{}
	switch o := object.(type) {
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(o), nil
	case *core.Secret:
		return corevalidation.ValidateSecret(o), nil
	case *core.ServiceAccount:
		return corevalidation.ValidateServiceAccount(o), nil
	case *core.Service:
		if o.Spec.ClusterIP != "" && len(o.Spec.ClusterIPs) == 0 { // as the API server does first
			o.Spec.ClusterIPs = []string{o.Spec.ClusterIP}
		}
		if service.NeedsHealthCheck(o) && o.Spec.HealthCheckNodePort == 0 { // likewise: it allocates one
			o.Spec.HealthCheckNodePort = 32000
		}
		return corevalidation.ValidateServiceCreate(o), nil
	case *core.Pod:
		return corevalidation.ValidatePodCreate(o, options), o
	case *apps.StatefulSet:
		pod := firstPod(o)
		return append(appsvalidation.ValidateStatefulSet(o, options), corevalidation.ValidatePodCreate(pod, options)...), pod
	case *rbac.Role:
		return rbacvalidation.ValidateRole(o), nil
	case *rbac.RoleBinding:
		return rbacvalidation.ValidateRoleBinding(o), nil
	case *rbac.ClusterRole:
		return rbacvalidation.ValidateClusterRole(o, rbacvalidation.ClusterRoleValidationOptions{}), nil
	case *rbac.ClusterRoleBinding:
		return rbacvalidation.ValidateClusterRoleBinding(o), nil
	case *networking.NetworkPolicy:
		return networkingvalidation.ValidateNetworkPolicy(o, networkingvalidation.NetworkPolicyValidationOptions{}), nil
	}
	return field.ErrorList{field.NotSupported(field.NewPath("kind"), fmt.Sprintf("%T", object), nil)}, nil
}

// firstPod is the pod that the StatefulSet's controller makes: the validation of a StatefulSet leaves its pods' volumes to that of the pod.
func firstPod(set *apps.StatefulSet) *core.Pod {
	pod := &core.Pod{ObjectMeta: *set.Spec.Template.ObjectMeta.DeepCopy(), Spec: *set.Spec.Template.Spec.DeepCopy()}
	pod.Name, pod.Namespace = set.Name+"-0", set.Namespace
	for _, claim := range set.Spec.VolumeClaimTemplates {
		source := core.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name + "-" + pod.Name}
		pod.Spec.Volumes = append(pod.Spec.Volumes, core.Volume{Name: claim.Name, VolumeSource: core.VolumeSource{PersistentVolumeClaim: &source}})
	}
	return pod
}

// judgeSecurity applies the Pod Security Standard `restricted`, in its newest version.
func judgeSecurity(name string, pod *core.Pod) []string {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", name, err)}
	}
	spec := corev1.PodSpec{}
	if err := corev1conversion.Convert_core_PodSpec_To_v1_PodSpec(&pod.Spec, &spec, nil); err != nil {
		return []string{fmt.Sprintf("%s: %v", name, err)}
	}
	var faults []string
	for _, result := range evaluator.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, &pod.ObjectMeta, &spec) {
		if !result.Allowed {
			faults = append(faults, fmt.Sprintf("%s: pod security: %s: %s", name, result.ForbiddenReason, result.ForbiddenDetail))
		}
	}
	return faults
}

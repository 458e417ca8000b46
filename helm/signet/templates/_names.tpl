{{/* Names, labels and images. */}}

{{- define "signet.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 40 characters, so that every name made of it stays a DNS label. */}}
{{- define "signet.fullname" -}}
{{- $name := include "signet.name" . }}
{{- $full := default (ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name)) .Values.fullnameOverride }}
{{- $full | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "signet.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "signet.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.create is false: set serviceAccount.name to one that exists" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The name of everything that Slinky's `slurm` chart makes, by that chart's own rule (its "slurm.fullname"). */}}
{{- define "signet.slurmFullname" -}}
{{- $release := .Values.slurm.release }}
{{- default (ternary $release (printf "%s-slurm" $release) (contains "slurm" $release)) .Values.slurm.fullname | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* ClusterName: what is set, else what Slinky's operator makes of an empty clusterName. Never a guess: outside of Slinky's rules it must be set. */}}
{{- define "signet.clusterName" -}}
{{- if .Values.cluster.name }}
{{- .Values.cluster.name }}
{{- else if .Values.slurm.external }}
{{- fail "slurm.external: set cluster.name to the ClusterName of the external slurm.conf (scontrol show config | grep ClusterName)" }}
{{- else }}
{{- $name := printf "%s_%s" .Values.slurm.namespace (include "signet.slurmFullname" .) }}
{{- if gt (len $name) 40 }}
{{- fail (printf "the cluster's name would be %s, and Slurm takes at most 40 characters: set cluster.name" $name) }}
{{- end }}
{{- $name }}
{{- end }}
{{- end }}

{{/* slurmctld for sackd: what the operator itself gives to login pods. */}}
{{- define "signet.confServer" -}}
{{- if .Values.slurm.confServer }}
{{- .Values.slurm.confServer }}
{{- else if .Values.slurm.external }}
{{- fail "slurm.external: set slurm.confServer to host:port of slurmctld, as controller.externalConfig in the slurm chart's values says" }}
{{- else }}
{{- printf "%s-controller.%s:6817" (include "signet.slurmFullname" .) .Values.slurm.namespace }}
{{- end }}
{{- end }}

{{/* What the Slurm pods read: the names that Slinky's values, the configuration and the Role agree on. */}}
{{- define "signet.bundleName" -}}{{ include "signet.fullname" . }}-bundle{{- end }}
{{- define "signet.adapterConfigName" -}}{{ include "signet.fullname" . }}-slurm{{- end }}
{{/* Made by hand, and only where slurmctld is outside. */}}
{{- define "signet.restdConfName" -}}{{ include "signet.fullname" . }}-slurmrestd-conf{{- end }}
{{- define "signet.testName" -}}{{ include "signet.fullname" . }}-test{{- end }}
{{- define "signet.headlessName" -}}{{ include "signet.fullname" . }}-headless{{- end }}
{{/* (list $ "slurmctld") */}}
{{- define "signet.serviceSecretName" -}}{{ include "signet.fullname" (index . 0) }}-{{ index . 1 }}-tls{{- end }}

{{- define "signet.selectorLabels" -}}
app.kubernetes.io/name: {{ include "signet.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: server
{{- end }}

{{/* (list $ "component") */}}
{{- define "signet.labels" -}}
{{- $root := index . 0 }}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/name" (include "signet.name" $root)
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "app.kubernetes.io/component" (index . 1)
  "app.kubernetes.io/part-of" "signet"
  "app.kubernetes.io/managed-by" $root.Release.Service }}
{{- toYaml (merge $own $root.Values.commonLabels) }}
{{- end }}

{{/* (list $ .Values.image) */}}
{{- define "signet.image" -}}
{{- $image := index . 1 }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $image.repository (default (index . 0).Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}

{{/* Not empty while an image is still at the host that cannot exist: values.yaml says why. */}}
{{- define "signet.imagesUnnamed" -}}
{{- if or (hasPrefix "registry.invalid/" .Values.image.repository) (hasPrefix "registry.invalid/" .Values.adapterImage.repository) }}yes{{ end }}
{{- end }}

{{/* The first service account whose pods are what is asked for: (list $ "slurmd"). Empty when there is none. */}}
{{- define "signet.slurmServiceAccount" -}}
{{- $wanted := index . 1 }}
{{- $names := list }}
{{- range $name, $daemon := (index . 0).Values.kubernetes.serviceAccounts }}
{{- if eq (toString $daemon) $wanted }}
{{- $names = append $names $name }}
{{- end }}
{{- end }}
{{- first (append (sortAlpha $names) "") }}
{{- end }}

{{/* The field of a pod that enrols as what is asked for: (list $ "slurmd") */}}
{{- define "signet.accountField" -}}
{{- $wanted := index . 1 }}
{{- with include "signet.slurmServiceAccount" . -}}
serviceAccountName: {{ . | quote }}
{{- else -}}
# kubernetes.serviceAccounts has no {{ $wanted }}: without one these pods are refused.
{{- end }}
{{- end }}

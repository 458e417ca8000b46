{{/* The two configuration files. */}}

{{- define "signet.serverConfig" -}}
{{- $full := include "signet.fullname" . }}
{{- $ns := .Release.Namespace }}
{{- if and .Values.slurm.external (has "slurmctld" .Values.serviceCertificates) }}
{{- fail "slurm.external: take slurmctld out of serviceCertificates; its certificate is issued on its host (signetctl service issue slurmctld)" }}
{{- end }}
{{- $accounts := dict }}
{{- range $name, $daemon := .Values.kubernetes.serviceAccounts }}
{{- if $daemon }}
{{- $_ := set $accounts (printf "%s/%s" $.Values.slurm.namespace $name) $daemon }}
{{- end }}
{{- end }}
{{- if .Values.tests.enabled }}
{{- $_ := set $accounts (printf "%s/%s" .Values.slurm.namespace (include "signet.testName" .)) "tester" }}
{{- end -}}
cluster: {{ include "signet.clusterName" . | quote }}
# Folders of signetd's own making: the roots of a volume with an fsGroup and of an emptyDir are writable for others, which it refuses.
data_dir: /var/lib/signet/data
listen:
  admin: {socket: /run/signet/admin.sock, mode: "0600"}
  controller: {socket: /run/signet/controller.sock, group: signet, mode: "0600"}
  grpc:
    address: "0.0.0.0:6843"
    names:
      - {{ $full | quote }}
      - {{ $full }}.{{ $ns }}
      - {{ $full }}.{{ $ns }}.svc
      - {{ $full }}.{{ $ns }}.svc.cluster.local
      {{- range .Values.service.extraNames }}
      - {{ . | quote }}
      {{- end }}
  metrics: {address: "0.0.0.0:6844"}
authority:
  {{- with .Values.authority.subject }}
  subject: {{ . | quote }}
  {{- end }}
  lifetime: {{ .Values.authority.lifetime }}
keys:
  kind: sealed
  {{- if .Values.kek.existingSecret }}
  kek_file: /etc/signet-kek
  {{- end }}
store: {kind: sqlite}
profiles:
  node: {lifetime: {{ .Values.profiles.node.lifetime }}}
  service: {lifetime: {{ .Values.profiles.service.lifetime }}}
rotation: {hold: {{ .Values.rotation.hold }}}
log: {level: {{ .Values.log.level }}}
limits:
  max_concurrent_calls: {{ .Values.limits.maxConcurrentCalls | int64 }}
  message_bytes: {{ .Values.limits.messageBytes | int64 }}
  requests_per_key_per_minute: {{ .Values.limits.requestsPerKeyPerMinute | int64 }}
  unproven_failures_per_minute: {{ .Values.limits.unprovenFailuresPerMinute | int64 }}
kubernetes:
  slurmd_owner: {{ .Values.kubernetes.slurmdOwner }}
  service_accounts:
    {{- toYaml $accounts | nindent 4 }}
  publish:
    bundle_config_maps: [{{ .Values.slurm.namespace }}/{{ include "signet.bundleName" . }}]
    {{- with .Values.serviceCertificates }}
    service_secrets:
      {{- range . }}
      {{ $.Values.slurm.namespace }}/{{ include "signet.serviceSecretName" (list $ .) }}: {{ . }}
      {{- end }}
    {{- end }}
{{- end }}

{{- define "signet.adapterConfig" -}}
cluster: {{ include "signet.clusterName" . | quote }}
servers: [{{ printf "%s.%s.svc:6843" (include "signet.fullname" .) .Release.Namespace | quote }}]
tls:
  ca: /etc/signet/control_ca.pem
ca_cert_file: /etc/slurm-tls/ca/ca_cert.pem
state_dir: /var/lib/signet-slurm
bundle_sources: [/etc/signet/bundle]
{{- if .Values.bundlePin }}
bundle_pin: {{ .Values.bundlePin | quote }}
{{- else }}
bundle_pin_file: /etc/signet/bundle_pin
{{- end }}
kubernetes:
  token_file: /var/run/secrets/signet/token
# Read in the pods of slurmctld, slurmdbd and slurmrestd, which alone have it.
service:
  cert: /etc/slurm-tls/own/tls.crt
  key: /etc/slurm-tls/own/tls.key
{{- end }}

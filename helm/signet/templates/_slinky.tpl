{{/*
The values of Slinky's `slurm` chart that make a cluster use this CA. NOTES.txt prints them; the tests compare them with what that chart passes through.

Each Slurm pod has the same absolute paths, since slurm.conf is one for all. The volumes are mounted read-only wherever users' processes run: the root of an emptyDir is
writable for everybody.
*/}}
{{- define "signet.slinkyValues" -}}
{{- $ctld := has "slurmctld" .Values.serviceCertificates }}
{{- $dbd := has "slurmdbd" .Values.serviceCertificates }}
{{- $restd := has "slurmrestd" .Values.serviceCertificates -}}
{{- range list "slurmctld" "slurmdbd" "slurmrestd" }}
{{- if not (or (has . $.Values.serviceCertificates) (and $.Values.slurm.external (eq . "slurmctld"))) -}}
# serviceCertificates has no {{ . }}: it gets no certificate here and does not start with TLS until you give it one of your own.
{{ end }}
{{- end }}
{{- if not .Values.slurm.external -}}
# The name stands in every certificate request: it is the same on both sides, and it stays.
clusterName: {{ include "signet.clusterName" . | quote }}
controller:
  extraConfMap:
    {{- include "signet.slurmConf" . | nindent 4 }}
  slurmctld:
    volumeMounts:
      {{- include "signet.slurmMounts" (dict "own" $ctld "token" true) | nindent 6 }}
  # The sidecar of controller.inplaceReconfigure runs scontrol.
  reconfigure:
    volumeMounts:
      {{- include "signet.slurmMounts" (dict) | nindent 6 }}
  podSpec:
    {{ include "signet.accountField" (list . "controller") }}
    initContainers:
      {{- include "signet.initContainers" (list . "401") | nindent 6 }}
    containers:
      {{- include "signet.refreshContainer" (list . "401") | nindent 6 }}
    volumes:
      {{- include "signet.volumes" . | nindent 6 }}
      {{- if $ctld }}
      {{- include "signet.ownVolume" (list . "slurmctld") | nindent 6 }}
      {{- end }}
      # As long as an outage of the API server that renewals should survive.
      {{- include "signet.tokenVolume" (list "signet-token" 3600 "0400") | nindent 6 }}
{{ end -}}
accounting:
  extraConfMap:
    TLSType: tls/s2n
    TLSParameters:
      - ca_cert_file=/etc/slurm-tls/ca/ca_cert.pem
      {{- if $dbd }}
      - dbd_cert_file=/etc/slurm-tls/own/tls.crt
      - dbd_cert_key_file=/etc/slurm-tls/own/tls.key
      {{- end }}
  slurmdbd:
    volumeMounts:
      {{- include "signet.slurmMounts" (dict "own" $dbd) | nindent 6 }}
  podSpec:
    initContainers:
      {{- include "signet.initContainers" (list . "401") | nindent 6 }}
    containers:
      {{- include "signet.refreshContainer" (list . "401") | nindent 6 }}
    volumes:
      {{- include "signet.volumes" . | nindent 6 }}
      {{- if $dbd }}
      {{- include "signet.ownVolume" (list . "slurmdbd") | nindent 6 }}
      {{- end }}
# The operator calls slurmrestd by plain http on 6820, with TLS as without: keep that port inside the cluster.
restapi:
  slurmrestd:
    {{- if .Values.slurm.external }}
    # The operator's own slurm.conf for it has no TLS then: a file of yours, beside which no slurm.key lies.
    env:
      - {name: SLURM_CONF, value: /etc/signet-slurmrestd/slurm.conf}
      - {name: SLURM_SACK_KEY, value: /etc/slurm/slurm.key}
    {{- end }}
    volumeMounts:
      {{- include "signet.slurmMounts" (dict "own" $restd) | nindent 6 }}
      {{- if .Values.slurm.external }}
      - {name: signet-slurmrestd, mountPath: /etc/signet-slurmrestd, readOnly: true}
      {{- end }}
  podSpec:
    initContainers:
      {{- include "signet.initContainers" (list . "65534") | nindent 6 }}
    containers:
      {{- include "signet.refreshContainer" (list . "65534") | nindent 6 }}
    volumes:
      {{- include "signet.volumes" . | nindent 6 }}
      {{- if $restd }}
      {{- include "signet.ownVolume" (list . "slurmrestd") | nindent 6 }}
      {{- end }}
      {{- if .Values.slurm.external }}
      - name: signet-slurmrestd
        configMap: {name: {{ include "signet.restdConfName" . | quote }}}
      {{- end }}
{{- with .Values.slurm.nodesets }}
nodesets:
  {{- range . }}
  {{ . | quote }}:
    slurmd:
      args: [--ca-cert-file, /etc/slurm-tls/ca/ca_cert.pem]
      # slurmd asks for its certificate before it opens its port, and a refusal ends it. An override must repeat httpGet.
      startupProbe:
        httpGet: {path: /livez, port: slurmd}
        periodSeconds: 10
        failureThreshold: 30
      volumeMounts:
        {{- include "signet.slurmMounts" (dict "token" true "state" true) | nindent 8 }}
    podSpec:
      {{ include "signet.accountField" (list $ "slurmd") }}
      initContainers:
        {{- include "signet.initContainers" (list $ "0") | nindent 8 }}
      containers:
        {{- include "signet.refreshContainer" (list $ "0") | nindent 8 }}
      volumes:
        {{- include "signet.volumes" $ | nindent 8 }}
        # 0400: any user of a job could read it otherwise.
        {{- include "signet.tokenVolume" (list "signet-token" 600 "0400") | nindent 8 }}
  {{- end }}
{{- end }}
{{- with .Values.slurm.loginsets }}
loginsets:
  {{- range . }}
  {{ . | quote }}:
    login:
      # Replaces the operator's own variable of this name, hence --conf-server.
      env:
        - name: SACKD_OPTIONS
          value: --conf-server {{ include "signet.confServer" $ }} --ca-cert-file /etc/slurm-tls/ca/ca_cert.pem
      volumeMounts:
        {{- include "signet.slurmMounts" (dict "token" true "state" true) | nindent 8 }}
    # No fsGroup: sshd refuses host keys that a group can read. sackd runs as 401, and a projected token is root's: a sidecar copies it.
    podSpec:
      {{ include "signet.accountField" (list $ "sackd") }}
      initContainers:
        {{- include "signet.initContainers" (list $ "401") | nindent 8 }}
        {{- include "signet.mirrorContainer" (list $ "signet-token-once" (list)) | nindent 8 }}
      containers:
        {{- include "signet.refreshContainer" (list $ "401") | nindent 8 }}
        {{- include "signet.mirrorContainer" (list $ "signet-token" (list "--every" "60s")) | nindent 8 }}
      volumes:
        {{- include "signet.volumes" $ | nindent 8 }}
        - name: signet-token
          emptyDir: {medium: Memory, sizeLimit: 1Mi}
        # 0444, and mounted into that sidecar alone.
        {{- include "signet.tokenVolume" (list "signet-token-source" 600 "0444") | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What slurm.conf needs. slurmd, sackd and the commands read the same lines, so the paths are the same on every host and in every pod. */}}
{{- define "signet.slurmConf" -}}
TLSType: tls/s2n
TLSParameters:
  - ca_cert_file=/etc/slurm-tls/ca/ca_cert.pem
  {{- if .Values.slurm.external }}
  - ctld_cert_file=/etc/slurm-tls/ca/ctld_cert.pem
  - ctld_cert_key_file=/etc/slurm-tls/ca/ctld_cert_key.pem
  {{- else if has "slurmctld" .Values.serviceCertificates }}
  - ctld_cert_file=/etc/slurm-tls/own/tls.crt
  - ctld_cert_key_file=/etc/slurm-tls/own/tls.key
  {{- end }}
  {{- if has "slurmrestd" .Values.serviceCertificates }}
  - restd_cert_file=/etc/slurm-tls/own/tls.crt
  - restd_cert_key_file=/etc/slurm-tls/own/tls.key
  {{- end }}
CertmgrType: certmgr/script
CertmgrParameters:
  - get_node_token_script=/opt/signet/get-node-token
  - generate_csr_script=/opt/signet/generate-csr
  - get_node_cert_key_script=/opt/signet/get-node-cert-key
  - validate_node_script=/opt/signet/validate-node
  - sign_csr_script=/opt/signet/sign-csr
CertgenType: certgen/script
CertgenParameters:
  - certgen_script=/opt/signet/certgen
  - keygen_script=/opt/signet/keygen
{{- end }}

{{/* The same as lines of a slurm.conf that no chart writes. */}}
{{- define "signet.slurmConfLines" -}}
{{- range $key, $value := fromYaml (include "signet.slurmConf" .) }}
{{ $key }}={{ kindIs "slice" $value | ternary $value (list $value) | join "," }}
{{- end }}
{{- end }}

{{/* Mounts of a Slurm container: own (a service's pair), token, state (where scripts keep an identity). */}}
{{- define "signet.slurmMounts" -}}
- {name: signet-program, mountPath: /opt/signet, readOnly: true}
- {name: signet-config, mountPath: /etc/signet, readOnly: true}
- {name: signet-ca, mountPath: /etc/slurm-tls/ca, readOnly: true}
{{- if .own }}
- {name: signet-own, mountPath: /etc/slurm-tls/own, readOnly: true}
{{- end }}
{{- if .token }}
- {name: signet-token, mountPath: /var/run/secrets/signet, readOnly: true}
{{- end }}
{{- if .state }}
- {name: signet-state, mountPath: /var/lib/signet-slurm, subPath: state}
{{- end }}
{{- end }}

{{/* (list $ "user id") */}}
{{- define "signet.adapterSecurity" -}}
securityContext:
  runAsUser: {{ index . 1 }}
  runAsNonRoot: {{ ne (index . 1) "0" }}
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
resources:
  requests: {cpu: 10m, memory: 32Mi}
  limits: {memory: 128Mi}
{{- end }}

{{/* The adapter and a directory of its user's own for its state; then the first bundle: (list $ "user id") */}}
{{- define "signet.initContainers" -}}
{{- $root := index . 0 -}}
- name: signet-install
  image: {{ include "signet.image" (list $root $root.Values.adapterImage) | quote }}
  imagePullPolicy: {{ $root.Values.adapterImage.pullPolicy }}
  args: [install, --dest, /opt/signet, --state-dir, /signet-state/state]
  volumeMounts:
    - {name: signet-program, mountPath: /opt/signet}
    - {name: signet-state, mountPath: /signet-state}
  {{- include "signet.adapterSecurity" . | nindent 2 }}
- name: signet-bundle
  image: {{ include "signet.image" (list $root $root.Values.adapterImage) | quote }}
  imagePullPolicy: {{ $root.Values.adapterImage.pullPolicy }}
  args: [refresh, --wait, 5m]
  {{- include "signet.refreshMounts" . | nindent 2 }}
  {{- include "signet.adapterSecurity" . | nindent 2 }}
{{- end }}

{{- define "signet.refreshMounts" -}}
volumeMounts:
  - {name: signet-config, mountPath: /etc/signet, readOnly: true}
  - {name: signet-ca, mountPath: /etc/slurm-tls/ca}
  - {name: signet-state, mountPath: /var/lib/signet-slurm, subPath: state}
{{- end }}

{{- define "signet.refreshContainer" -}}
{{- $root := index . 0 -}}
- name: signet-bundle-refresh
  image: {{ include "signet.image" (list $root $root.Values.adapterImage) | quote }}
  imagePullPolicy: {{ $root.Values.adapterImage.pullPolicy }}
  args: [refresh, --every, 60s]
  {{- include "signet.refreshMounts" . | nindent 2 }}
  {{- include "signet.adapterSecurity" . | nindent 2 }}
{{- end }}

{{/* (list $ "container name" (list "more arguments")) */}}
{{- define "signet.mirrorContainer" -}}
{{- $root := index . 0 -}}
- name: {{ index . 1 }}
  image: {{ include "signet.image" (list $root $root.Values.adapterImage) | quote }}
  imagePullPolicy: {{ $root.Values.adapterImage.pullPolicy }}
  args: [mirror-token, --from, /var/run/secrets/signet-source/token, --to, /var/run/secrets/signet/token
    {{- range index . 2 }}, {{ . }}{{ end }}]
  volumeMounts:
    - {name: signet-token-source, mountPath: /var/run/secrets/signet-source, readOnly: true}
    - {name: signet-token, mountPath: /var/run/secrets/signet}
  {{- include "signet.adapterSecurity" (list $root "401") | nindent 2 }}
{{- end }}

{{/* A pod waits for keys that a ConfigMap or Secret does not hold yet, and its events name them. */}}
{{- define "signet.volumes" -}}
- name: signet-program
  emptyDir: {sizeLimit: 128Mi}
- name: signet-state
  emptyDir: {sizeLimit: 16Mi}
- name: signet-ca
  emptyDir: {sizeLimit: 4Mi}
- name: signet-config
  projected:
    defaultMode: 0444
    sources:
      - configMap:
          name: {{ include "signet.adapterConfigName" . | quote }}
          items: [{key: signet-slurm.yaml, path: signet-slurm.yaml}]
      - configMap:
          name: {{ include "signet.bundleName" . | quote }}
          items: [{key: bundle, path: bundle}, {key: control_ca.pem, path: control_ca.pem}, {key: bundle_pin, path: bundle_pin}]
{{- end }}

{{/* s2n refuses a key that others may read, and says so at debug level only: 0440, with the pod's fsGroup. (list $ "slurmctld") */}}
{{- define "signet.ownVolume" -}}
- name: signet-own
  secret:
    secretName: {{ include "signet.serviceSecretName" . | quote }}
    defaultMode: 0440
    items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
{{- end }}

{{/* (list "name" seconds "mode") */}}
{{- define "signet.tokenVolume" -}}
- name: {{ index . 0 }}
  projected:
    defaultMode: {{ index . 2 }}
    sources:
      - serviceAccountToken: {audience: signet, expirationSeconds: {{ index . 1 }}, path: token}
{{- end }}

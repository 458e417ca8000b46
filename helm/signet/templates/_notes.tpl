{{- define "signet.notes" -}}
{{- $full := include "signet.fullname" . }}
{{- $ns := .Release.Namespace }}
{{- $slurm := .Values.slurm -}}
FIRST: Slinky's published Slurm images have no TLS plugin. slurmctld, slurmdbd, slurmd, slurmrestd and login need images with tls_s2n.so: build them with the Dockerfiles in
docker/ of Signet's sources, and set them in the values below (controller.slurmctld.image and so on). `helm test` looks into those that you name:

    helm upgrade {{ .Release.Name }} … --reuse-values --set-json 'tests.slurmImages=["registry.example/slurmd:25.11-s2n"]'

1. Is the CA up?

    kubectl -n {{ $ns }} rollout status statefulset/{{ $full }}
    kubectl -n {{ $ns }} exec statefulset/{{ $full }} -- signetctl status
{{- if .Values.tests.enabled }}
    helm test {{ .Release.Name }} -n {{ $ns }}            # what it says: kubectl -n {{ $slurm.namespace }} logs {{ include "signet.testName" . }}
{{- end }}

2. {{ if .Values.kek.existingSecret -}}
The key-encryption key is Secret {{ .Values.kek.existingSecret }}. Keep a copy outside the cluster: a lost key-encryption key is a lost CA.
{{- else -}}
The key-encryption key is made at the first start, on the same volume as the keys that it seals. Copy it to a safe place outside the cluster NOW: a lost key-encryption key
is a lost CA, and a volume's snapshot with it inside is a stolen one. A pod beside signetd mounts the volume, and the key goes through exec's stream: what a container prints
itself, the node's log would keep.
{{- if not .Values.kek.copyImage }} The pod needs an image with sleep and cat (a busybox, by digest) where IMAGE stands: kek.copyImage names it.
{{- end }}

    kubectl -n {{ $ns }} run {{ $full }}-kek --image={{ include "signet.kekImage" . }} --restart=Never --overrides={{ include "signet.kekPod" . | squote }}
    kubectl -n {{ $ns }} wait pod/{{ $full }}-kek --for=condition=Ready --timeout=120s
    (umask 077; kubectl -n {{ $ns }} exec {{ $full }}-kek -- cat /volume/data/kek > {{ $full }}-kek)
    kubectl -n {{ $ns }} delete pod {{ $full }}-kek --now

Better still, keep it in a Secret instead: helm/signet/README.md, "The key-encryption key".
{{- end }}

3. {{ if .Values.bundlePin -}}
Pods believe trust bundles of the key {{ .Values.bundlePin }} only.
{{- else -}}
Pin the key that signs trust bundles. Until then the pods believe whoever may write ConfigMap {{ $slurm.namespace }}/{{ include "signet.bundleName" . }}. `signetctl status` prints the pin:

    helm upgrade {{ .Release.Name }} … --reuse-values --set bundlePin=<bundle pin>
{{- end }}

4. Give these values to Slinky's `slurm` chart, beside your own. Helm merges maps and replaces lists: where you have args, env, volumeMounts, initContainers, containers or
volumes of your own for a component, join the two lists. Where controller.extraConf or accounting.extraConf is set, that chart reads no extraConfMap: move those lines into the
map. Switching TLS on is a flag day: once TLSType is set, Slurm refuses every clear-text call.

    helm get notes {{ .Release.Name }} -n {{ $ns }} | sed -n '/^# slinky-values.yaml/,/^# end of slinky-values.yaml/p' > slinky-values.yaml
    helm upgrade --install {{ $slurm.release }} oci://ghcr.io/slinkyproject/charts/slurm -n {{ $slurm.namespace }} -f your-values.yaml -f slinky-values.yaml

# slinky-values.yaml
{{ include "signet.slinkyValues" . }}
# end of slinky-values.yaml

5. A rotated Secret starts nothing again. The kubelet brings the new pair into the pods within two minutes; Slurm's services read it at their start. Do this after a change
of a service certificate or of the trust bundle, which `signetctl status` and `signetctl rotation status` tell:
{{ range .Values.serviceCertificates }}
{{- if eq . "slurmctld" }}
    kubectl -n {{ $slurm.namespace }} rollout restart statefulset/{{ $slurm.release }}-controller      # or, without a new pod: kubectl -n {{ $slurm.namespace }} exec statefulset/{{ $slurm.release }}-controller -c slurmctld -- scontrol reconfigure
{{- else if eq . "slurmdbd" }}
    kubectl -n {{ $slurm.namespace }} rollout restart statefulset/{{ $slurm.release }}-accounting
{{- else }}
    kubectl -n {{ $slurm.namespace }} rollout restart deployment/{{ $slurm.release }}-restapi
{{- end }}
{{- end }}

Next: helm/signet/README.md (upgrades, a lost volume, hosts outside the cluster), docs/kubernetes.md (what is judged), docs/rotation.md, docs/troubleshooting.md.
{{- end }}

{{- define "signet.kekImage" -}}{{ default "IMAGE" .Values.kek.copyImage }}{{- end }}

{{/* Has the volume for ten minutes and prints nothing, beside signetd, whose volume goes to one node only: its image has no cat, and nobody may look into its process. */}}
{{- define "signet.kekPod" -}}
{{- $context := omit .Values.podSecurityContext "fsGroup" "fsGroupChangePolicy" }}
{{- $container := dict "name" "kek" "image" (include "signet.kekImage" .) "command" (list "sleep" "600")
  "securityContext" .Values.securityContext "volumeMounts" (list (dict "name" "data" "mountPath" "/volume" "readOnly" true)) }}
{{- $volume := dict "name" "data" "persistentVolumeClaim" (dict "claimName" (printf "data-%s-0" (include "signet.fullname" .))) }}
{{- $beside := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (fromYaml (include "signet.selectorLabels" .))) }}
{{- $affinity := dict "podAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $beside)) }}
{{- dict "apiVersion" "v1" "spec" (dict "affinity" $affinity "activeDeadlineSeconds" 600 "restartPolicy" "Never" "securityContext" $context "automountServiceAccountToken" false "containers" (list $container) "volumes" (list $volume)) | toJson }}
{{- end }}

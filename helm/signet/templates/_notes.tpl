{{- define "signet.notes" -}}
{{- $full := include "signet.fullname" . }}
{{- $ns := .Release.Namespace }}
{{- $slurm := .Values.slurm }}
{{- $name := include "signet.slurmFullname" . }}
{{- $upgrade := printf "helm upgrade %s helm/signet -n %s --reset-then-reuse-values" .Release.Name $ns }}
{{- $onController := printf "kubectl -n %s exec statefulset/%s-controller -c slurmctld -- " $slurm.namespace $name }}
{{- if $slurm.external }}{{ $onController = "" }}{{ end -}}
FIRST: Slinky's published Slurm images have no TLS plugin. slurmctld, slurmdbd, slurmd, slurmrestd and login need images with tls_s2n.so: build them with the Dockerfiles in
docker/ of Signet's sources, and set them in the values below (controller.slurmctld.image and so on). `helm test` looks into those that you name:

    {{ $upgrade }} --set-json 'tests.slurmImages=["registry.example/slurmd:25.11-s2n"]'      # Helm before 3.14: without --reset-then-reuse-values, with -f your values
{{- if include "signet.imagesUnnamed" . }}

Signet's own images are not named yet, and nothing starts: registry.invalid is nowhere, on purpose. Build and push them (docker/README.md, "Push"), then:

    {{ $upgrade }} --set image.repository=registry.example/signet/signetd --set adapterImage.repository=registry.example/signet/signet-slurm
{{- end }}

1. Is the CA up?

    kubectl -n {{ $ns }} rollout status statefulset/{{ $full }}
    kubectl -n {{ $ns }} exec statefulset/{{ $full }} -- signetctl status
{{- if .Values.tests.enabled }}
    helm test {{ .Release.Name }} -n {{ $ns }}            # what it says: kubectl -n {{ $slurm.namespace }} logs {{ include "signet.testName" . }}
{{- end }}

And is it this cluster's? Its name is {{ include "signet.clusterName" . }}, and stays. A Slurm that runs already must say the same{{ if $slurm.external }} (type it on the host of slurmctld){{ end }}:

    {{ $onController }}scontrol show config | grep ClusterName

Where it says another name, begin anew now, while nothing has enrolled: helm uninstall {{ .Release.Name }} -n {{ $ns }}; kubectl -n {{ $ns }} delete pvc data-{{ $full }}-0; then install with
--set cluster.name=<that name>. (Slinky's operator refuses another clusterName, and slurmctld ends where it finds one.)

2. {{ if .Values.kek.existingSecret -}}
The key-encryption key is Secret {{ .Values.kek.existingSecret }}. Keep a copy outside the cluster: a lost key-encryption key is a lost CA.
{{- else -}}
The key-encryption key is made at the first start, on the same volume as the keys that it seals. Copy it to a safe place outside the cluster NOW: a lost key-encryption key
is a lost CA, and a volume's snapshot with it inside is a stolen one. A pod {{ if include "signet.onePod" . }}instead of{{ else }}beside{{ end }} signetd mounts the volume, and the key goes through exec's stream: what a container prints
itself, the node's log would keep.
{{- if not .Values.kek.copyImage }} The pod needs an image with sleep and cat (a busybox, by digest) where IMAGE stands: kek.copyImage names it.
{{- end }}
{{- if include "signet.onePod" . }} ReadWriteOncePod lets one pod have the volume: signetd stops meanwhile, and Slurm daemons that start then are started again.
{{- end }}
{{ include "signet.kekPodStarts" . }}
    (umask 077; kubectl -n {{ $ns }} exec {{ $full }}-kek -- cat /volume/data/kek > {{ $full }}-kek)
{{- include "signet.kekPodEnds" . }}

Better still, keep it in a Secret instead: helm/signet/README.md, "The key-encryption key".
{{- end }}

3. {{ if .Values.bundlePin -}}
Pods believe trust bundles of the key {{ .Values.bundlePin }} only.
{{- else -}}
Pin the key that signs trust bundles. Until then the pods believe whoever may write ConfigMap {{ $slurm.namespace }}/{{ include "signet.bundleName" . }}. `signetctl status` prints the pin:

    {{ $upgrade }} --set bundlePin=<bundle pin>
{{- end }}

4. Give these values to Slinky's `slurm` chart, beside your own. Helm merges maps and replaces lists: where you have args, env, volumeMounts, initContainers, containers or
volumes of your own for a component, join the two lists. Where controller.extraConf or accounting.extraConf is set, that chart reads no extraConfMap: move those lines into the
map. slurm.conf is one for all: every nodeset and loginset that is enabled must stand here (slurm.nodesets, slurm.loginsets), since one without these values is lost.

    helm get notes {{ .Release.Name }} -n {{ $ns }} | sed -n '/^# slinky-values.yaml/,/^# end of slinky-values.yaml/p' > slinky-values.yaml
{{- if $slurm.external }}

slurmctld is outside, so these lines go into its slurm.conf, which also the pods get from it: on its host the adapter is installed at the same place (signet-slurm install --dest
/opt/signet), and ca_cert_file of its signet-slurm.yaml is the same:
{{ include "signet.slurmConfLines" . | trim | nindent 4 }}

Its certificate, that of its adapter for calls to signetd, and that of the timer which renews the first are issued in signetd's pod, onto the volume, and a pod that mounts that gives
them out{{ if not .Values.kek.copyImage }} (IMAGE: one with sleep and cat){{ end }}:

    kubectl -n {{ $ns }} exec statefulset/{{ $full }} -- signetctl client issue ctl --role controller --out-dir /var/lib/signet/external
    kubectl -n {{ $ns }} exec statefulset/{{ $full }} -- signetctl service issue slurmctld --dir /var/lib/signet/external
    kubectl -n {{ $ns }} exec statefulset/{{ $full }} -- signetctl client issue slurmctld --role service --out-dir /var/lib/signet/external/service
{{- include "signet.kekPodStarts" . }}
    (umask 077; mkdir -p service
     for file in ctld_cert.pem ctld_cert_key.pem ca_cert.pem signet-bundle control.pem control.key control_ca.pem service/control.pem service/control.key service/control_ca.pem; do
       kubectl -n {{ $ns }} exec {{ $full }}-kek -- cat "/volume/external/$file" > "$file"
     done)
{{- include "signet.kekPodEnds" . }}

On slurmctld's host: control.* to /etc/signet (the key 0400 and slurm's own), service/* to /etc/signet/service (root's own), the rest to /etc/slurm-tls/ca (the key 0400 and slurm's own).
/etc/signet/service-renew.env: SIGNET_SERVER=<name of service.extraNames>:6843, SIGNET_TLS_DIR=/etc/signet/service, OPTIONS='--dir /etc/slurm-tls/ca'; and ReadWritePaths=/etc/slurm-tls by
`systemctl edit signet-service-renew.service`. The copies stay on the volume until a pod like that one, its mount not readOnly, removes them.

slurmrestd reads a file of its own: the operator's, with the ClusterName from above and these lines at its end.

    kubectl -n {{ $slurm.namespace }} get configmap {{ $name }}-config -o 'jsonpath={.data.slurm\.conf}' > slurm.conf
    kubectl -n {{ $slurm.namespace }} create configmap {{ include "signet.restdConfName" . }} --from-file=slurm.conf      # when you have changed it
{{- end }}

Switching TLS on is a flag day: once TLSType is set, Slurm refuses every clear-text call, and jobs on nodes that are not replaced yet are lost. So, with no job running:

    {{ $onController }}sinfo --list-reasons      # keep it: these nodes are drained for another reason, and the last step resumes them, too
    {{ $onController }}scontrol update nodename=ALL state=drain reason=tls
    {{ $onController }}squeue --noheader --states=RUNNING,SUSPENDED,COMPLETING,CONFIGURING      # again, until it prints nothing
    helm list -n {{ $slurm.namespace }} --filter '^{{ $slurm.release }}$'      # CHART is slurm-VERSION. Another version, or none, would replace Slurm in the same step
    helm upgrade --install {{ $slurm.release }} oci://ghcr.io/slinkyproject/charts/slurm --version VERSION -n {{ $slurm.namespace }} -f your-values.yaml -f slinky-values.yaml
{{- if $slurm.external }}
    systemctl restart slurmctld      # on its host, with the new lines
{{- end }}
    kubectl -n {{ $slurm.namespace }} delete pods -l app.kubernetes.io/name=slurmd,slinky.slurm.net/cluster={{ $name }}      # the operator replaces a quarter at a time, or none (OnDelete)
    kubectl -n {{ $slurm.namespace }} get pods      # again, until all are new and ready; a LoginSet with OnDelete needs its pods deleted, too
    {{ $onController }}scontrol update nodename=ALL state=resume      # then drain again what stood in that list

The way back: helm rollback {{ $slurm.release }} -n {{ $slurm.namespace }}{{ if $slurm.external }}, the old slurm.conf{{ end }}, and from the deletion of the pods on the same.

# slinky-values.yaml
{{ include "signet.slinkyValues" . }}
# end of slinky-values.yaml

5. A rotated Secret starts nothing again. The kubelet brings the new pair into the pods within two minutes; Slurm's services read it at their start. Do this after a change
of a service certificate or of the trust bundle, which `signetctl status` and `signetctl rotation status` tell. `kubectl rollout restart` is of no use: the workloads are the
operator's, which takes that command's annotation back, and the old pod goes on. So pod after pod is deleted:

    restart() {
      for pod in $(kubectl -n {{ $slurm.namespace }} get pods -l "app.kubernetes.io/name=$1,app.kubernetes.io/instance={{ $name }}" -o name); do
        kubectl -n {{ $slurm.namespace }} delete "$pod" && kubectl -n {{ $slurm.namespace }} rollout status "$2" --timeout=10m || return
      done
    }
{{- range .Values.serviceCertificates }}
{{- if eq . "slurmctld" }}
    {{ $onController }}scontrol reconfigure      # or: restart slurmctld statefulset/{{ $name }}-controller
{{- else if eq . "slurmdbd" }}
    restart slurmdbd statefulset/{{ $name }}-accounting
{{- else }}
    restart slurmrestd deployment/{{ $name }}-restapi
{{- end }}
{{- end }}

Next: helm/signet/README.md (upgrades, a lost node, a lost volume, slurmctld or hosts outside the cluster), docs/kubernetes.md (what is judged), docs/rotation.md, docs/troubleshooting.md.
{{- end }}

{{/* Not empty where a second pod can never mount the volume. */}}
{{- define "signet.onePod" -}}
{{- if has "ReadWriteOncePod" .Values.persistence.accessModes }}yes{{ end }}
{{- end }}

{{/* The commands around what is read from the volume. */}}
{{- define "signet.kekPodStarts" }}
{{- $kubectl := printf "kubectl -n %s" .Release.Namespace }}
{{- $full := include "signet.fullname" . }}
{{- if include "signet.onePod" . }}
    {{ $kubectl }} scale statefulset/{{ $full }} --replicas=0
    {{ $kubectl }} wait pod/{{ $full }}-0 --for=delete --timeout=120s
{{- end }}
    {{ $kubectl }} run {{ $full }}-kek --image={{ include "signet.kekImage" . | squote }} --restart=Never --overrides={{ include "signet.kekPod" . | squote }}
    {{ $kubectl }} wait pod/{{ $full }}-kek --for=condition=Ready --timeout=120s
{{- end }}
{{- define "signet.kekPodEnds" }}
    kubectl -n {{ .Release.Namespace }} delete pod {{ include "signet.fullname" . }}-kek --now
{{- if include "signet.onePod" . }}
    kubectl -n {{ .Release.Namespace }} scale statefulset/{{ include "signet.fullname" . }} --replicas=1
{{- end }}
{{- end }}

{{- define "signet.kekImage" -}}{{ default "IMAGE" .Values.kek.copyImage }}{{- end }}

{{/* Has the volume for ten minutes and prints nothing, beside signetd where two pods can have the volume, which goes to one node only: signetd's image has no cat, and nobody may look into its process. */}}
{{- define "signet.kekPod" -}}
{{- $context := omit .Values.podSecurityContext "fsGroup" "fsGroupChangePolicy" }}
{{- $container := dict "name" "kek" "image" (include "signet.kekImage" .) "command" (list "sleep" "600")
  "securityContext" .Values.securityContext "volumeMounts" (list (dict "name" "data" "mountPath" "/volume" "readOnly" true)) }}
{{- $volume := dict "name" "data" "persistentVolumeClaim" (dict "claimName" (printf "data-%s-0" (include "signet.fullname" .))) }}
{{- $spec := dict "activeDeadlineSeconds" 600 "restartPolicy" "Never" "securityContext" $context "automountServiceAccountToken" false "containers" (list $container) "volumes" (list $volume) }}
{{- with .Values.tolerations }}
{{- $_ := set $spec "tolerations" . }}
{{- end }}
{{- with .Values.imagePullSecrets }}
{{- $_ := set $spec "imagePullSecrets" . }}
{{- end }}
{{- if not (include "signet.onePod" .) }}
{{- $beside := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (fromYaml (include "signet.selectorLabels" .))) }}
{{- $_ := set $spec "affinity" (dict "podAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $beside))) }}
{{- end }}
{{- dict "apiVersion" "v1" "spec" $spec | toJson }}
{{- end }}

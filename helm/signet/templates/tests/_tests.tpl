{{/* What the pods of `helm test` share: (list $ "service account") */}}
{{- define "signet.testPod" -}}
{{- $root := index . 0 -}}
restartPolicy: Never
serviceAccountName: {{ index . 1 | quote }}
automountServiceAccountToken: false
enableServiceLinks: false
activeDeadlineSeconds: 300
securityContext:
  {{- toYaml $root.Values.podSecurityContext | nindent 2 }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "signet.testContainer" -}}
resources:
  {{- toYaml .Values.tests.resources | nindent 2 }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- end }}

{{/* Runs in a Slurm image, whatever its distribution. SIGNET_ROOT is for tests of this script. */}}
{{- define "signet.imageTest" -}}
for plugin in "$SIGNET_ROOT"/usr/lib*/slurm*/tls_s2n.so "$SIGNET_ROOT"/usr/lib/*/slurm*/tls_s2n.so "$SIGNET_ROOT"/usr/local/lib*/slurm*/tls_s2n.so "$SIGNET_ROOT"/opt/slurm*/lib*/slurm*/tls_s2n.so; do
  if [ -e "$plugin" ]; then
    echo "ok: $plugin"
    exit 0
  fi
done
echo "no tls_s2n.so among Slurm's plugins in {{ . }}: Slurm cannot use TLS in it" >&2
echo "next: build the image with libs2n (docker/ of Signet's sources shows how), then name it in the slurm chart's values" >&2
exit 1
{{- end }}

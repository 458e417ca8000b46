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
  [ -e "$plugin" ] || continue
  # ldd knows, where the image has it and it can read the plugin; else libs2n must lie where a loader looks.
  if loaded=$(ldd "$plugin" 2>/dev/null); then
    case $loaded in
      *"not found"*) break ;;
      *) echo "ok: $plugin"; exit 0 ;;
    esac
  fi
  for library in "$SIGNET_ROOT"/usr/lib*/libs2n.so* "$SIGNET_ROOT"/usr/lib/*/libs2n.so* "$SIGNET_ROOT"/usr/local/lib*/libs2n.so* "$SIGNET_ROOT"/opt/*/lib*/libs2n.so*; do
    if [ -e "$library" ]; then
      echo "ok: $plugin, $library"
      exit 0
    fi
  done
  break
done
if [ -e "$plugin" ]; then
  echo "$plugin is there, but not all of the libraries that it loads (libs2n), in {{ . }}: Slurm's daemons do not start in it" >&2
  echo "next: copy libs2n into the image with the plugin (docker/ of Signet's sources shows how)" >&2
  exit 1
fi
echo "no tls_s2n.so among Slurm's plugins in {{ . }}: Slurm cannot use TLS in it" >&2
echo "next: build the image with libs2n (docker/ of Signet's sources shows how), then name it in the slurm chart's values" >&2
exit 1
{{- end }}

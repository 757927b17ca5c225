{{/* What all pods have in common. */}}

{{/* The fields of a pod's spec. Called with (list . "api" .Values.api). */}}
{{- define "ml-training.pod" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 }}
{{- $own := index . 2 -}}
automountServiceAccountToken: false
# The variables of a Service named ml-training-api would be read as settings: ML_TRAINING_API_PORT=tcp://...
enableServiceLinks: false
# The first process of the pod is then one that collects ended processes and takes SIGTERM before a handler is set.
shareProcessNamespace: true
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with $own.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $own.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The pods of a component are on different hosts and in different zones where that is possible. Called with (list . "api"). */}}
{{- define "ml-training.spread" -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "ml-training.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}

{{- define "ml-training.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* Where a process may write, and its secrets. Called with (list . "api"). */}}
{{- define "ml-training.mounts" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 -}}
- {name: tmp, mountPath: /tmp}
{{- if has $component (list "api" "worker" "maintenance") }}
# The data directory is a folder in it, which the process makes: the volume itself is open to others.
- {name: data, mountPath: /data}
{{- end }}
{{- if include "ml-training.secretVolume" . }}
- {name: secrets, mountPath: /run/secrets/ml-training, readOnly: true}
{{- end }}
{{- end }}

{{/* Called with (list . "api"). */}}
{{- define "ml-training.volumes" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 }}
{{- $storage := $root.Values.storage -}}
- {name: tmp, emptyDir: {}}
{{- if has $component (list "api" "worker" "maintenance") }}
{{- if $storage.bucket.url }}
- name: data
  emptyDir: {sizeLimit: {{ add (int64 $storage.cacheBytes) (int64 $storage.scratchBytes) | quote }}}
{{- else }}
- name: data
  persistentVolumeClaim: {claimName: {{ $storage.claim.existingClaim | default (include "ml-training.fullname" $root) | quote }}}
{{- end }}
{{- end }}
{{- include "ml-training.secretVolume" . }}
{{- end }}

{{/* All probes name the host, since the service answers only under names that it knows, and not under the pod's address. The kubelet
does not check the certificate. Called with (list . "/api/v1"). */}}
{{- define "ml-training.probes" -}}
{{- $root := index . 0 }}
{{- $prefix := index . 1 -}}
{{- range $probe, $path := dict "startup" "live" "liveness" "live" "readiness" "ready" }}
{{ $probe }}Probe:
  httpGet:
    path: {{ $prefix }}/health/{{ $path }}
    port: http
    scheme: {{ include "ml-training.scheme" $root | upper }}
    httpHeaders: [{name: Host, value: localhost}]
  periodSeconds: {{ eq $probe "startup" | ternary 2 10 }}
  timeoutSeconds: 5
  failureThreshold: {{ eq $probe "startup" | ternary 60 3 }}
{{- end }}
{{- end }}

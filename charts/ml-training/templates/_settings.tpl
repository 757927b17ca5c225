{{/* The environment of a process. */}}

{{/* A setting as text. Values are read as floating-point numbers, which would be written as 7.776e+06. */}}
{{- define "ml-training.text" -}}
{{- if kindIs "float64" . }}{{ eq (floor .) . | ternary (printf "%.0f" .) (toString .) }}{{ else }}{{ toString . }}{{ end }}
{{- end }}

{{/* Called with (list . "api"). */}}
{{- define "ml-training.environment" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 }}
{{- $values := $root.Values }}
{{- $secrets := fromJson (include "ml-training.secrets" $root) }}
{{- $settings := dict "DATA_DIR" "/data/ml-training" "LOG_FORMAT" "json" }}
{{- if not (hasKey $secrets "DATABASE_URL") }}{{ $_ := set $settings "DATABASE_URL" $values.database.url }}{{ end }}
{{- if and (ne $component "migrate") (not (hasKey $secrets "BROKER_URL")) }}{{ $_ := set $settings "BROKER_URL" $values.broker.url }}{{ end }}
{{- if and $values.storage.bucket.url (has $component (list "api" "worker" "maintenance")) }}
  {{- $_ := set $settings "STORAGE_URL" $values.storage.bucket.url }}
  {{- $_ := set $settings "CACHE_BYTES" $values.storage.cacheBytes }}
  {{- with $values.storage.bucket.endpoint }}{{ $_ := set $settings "S3_ENDPOINT" . }}{{ end }}
  {{- with $values.storage.bucket.region }}{{ $_ := set $settings "S3_REGION" . }}{{ end }}
  {{- if kindIs "bool" $values.storage.bucket.pathStyle }}{{ $_ := set $settings "S3_PATH_STYLE" $values.storage.bucket.pathStyle }}{{ end }}
{{- end }}
{{- range $name, $value := $values.settings }}{{ $_ := set $settings $name $value }}{{ end }}
{{- if eq $component "api" }}
  {{- $_ := set $settings "API_HOST" $values.listenAddress }}
  {{- $_ := set $settings "API_PORT" 8000 }}
  {{- $_ := set $settings "API_WORKERS" $values.api.workers }}
  {{- $_ := set $settings "API_THREADS" $values.api.threads }}
  {{- $names := concat (list (include "ml-training.serviceNames" .)) $values.allowedHosts }}
  {{- if $values.ingress.enabled }}{{ $names = append $names $values.ingress.host }}{{ end }}
  {{- $_ := set $settings "ALLOWED_HOSTS" (join "," $names) }}
{{- else if eq $component "worker" }}
  {{- $_ := set $settings "WORKER_CONCURRENCY" $values.worker.concurrency }}
{{- else if eq $component "exporter" }}
  {{- $_ := set $settings "EXPORTER_HOST" $values.listenAddress }}
  {{- $_ := set $settings "EXPORTER_PORT" 8012 }}
  {{- $_ := set $settings "ALLOWED_HOSTS" (printf "%s,$(POD_IP)" (include "ml-training.serviceNames" .)) }}
{{- end }}
{{- if eq $component "exporter" }}
# Prometheus finds pods and asks them by their addresses.
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
{{- end }}
{{- range $name, $value := $settings }}
- name: ML_TRAINING_{{ $name }}
  value: {{ include "ml-training.text" $value | quote }}
{{- end }}
{{- range $setting := include "ml-training.secretsOf" . | splitList " " }}
{{- if hasKey $secrets $setting }}
- name: ML_TRAINING_{{ $setting }}_FILE
  value: /run/secrets/ml-training/{{ lower $setting }}
{{- end }}
{{- end }}
{{- end }}

{{/* The secrets of the processes: where each one is, and the volume that shows them as files. */}}

{{/* The Secret that the chart makes of the values. */}}
{{- define "ml-training.ownSecret" -}}
{{ include "ml-training.fullname" . }}-secrets
{{- end }}

{{/*
All secrets that the values name, as a JSON object: SETTING -> {secret, key, value}; value only for those in the chart's own Secret.
*/}}
{{- define "ml-training.secrets" -}}
{{- $found := dict }}
{{- range list "database" "broker" }}
  {{- $server := index $.Values . }}
  {{- $setting := upper . }}
  {{- if and $server.existingSecret $server.urlKey }}
    {{- $_ := set $found (printf "%s_URL" $setting) (dict "secret" $server.existingSecret "key" $server.urlKey) }}
  {{- else if $server.existingSecret }}
    {{- $_ := set $found (printf "%s_PASSWORD" $setting) (dict "secret" $server.existingSecret "key" $server.passwordKey) }}
  {{- else if $server.password }}
    {{- $_ := set $found (printf "%s_PASSWORD" $setting) (dict "key" (printf "%s-password" .) "value" $server.password) }}
  {{- end }}
{{- end }}
{{- $bucket := .Values.storage.bucket }}
{{- if and $bucket.url $bucket.existingSecret }}
  {{- $_ := set $found "S3_ACCESS_KEY_ID" (dict "secret" $bucket.existingSecret "key" $bucket.accessKeyIdKey) }}
  {{- $_ := set $found "S3_SECRET_ACCESS_KEY" (dict "secret" $bucket.existingSecret "key" $bucket.secretAccessKeyKey) }}
{{- else if and $bucket.url $bucket.accessKeyId }}
  {{- $_ := set $found "S3_ACCESS_KEY_ID" (dict "key" "access-key-id" "value" $bucket.accessKeyId) }}
  {{- $_ := set $found "S3_SECRET_ACCESS_KEY" (dict "key" "secret-access-key" "value" $bucket.secretAccessKey) }}
{{- end }}
{{- $first := .Values.api.bootstrapKey }}
{{- if and $first.enabled $first.existingSecret }}
  {{- $_ := set $found "BOOTSTRAP_KEY" (dict "secret" $first.existingSecret "key" $first.key) }}
{{- else if $first.enabled }}
  {{- $_ := set $found "BOOTSTRAP_KEY" (dict "key" "bootstrap-key" "value" $first.value) }}
{{- end }}
{{- $token := .Values.exporter.metricsToken }}
{{- if $token.existingSecret }}
  {{- $_ := set $found "METRICS_TOKEN" (dict "secret" $token.existingSecret "key" $token.key) }}
{{- else if $token.value }}
  {{- $_ := set $found "METRICS_TOKEN" (dict "key" "metrics-token" "value" $token.value) }}
{{- end }}
{{- with .Values.api.signIn.existingSecret }}
  {{- $_ := set $found "OIDC_CLIENT_SECRET" (dict "secret" . "key" $.Values.api.signIn.key) }}
{{- end }}
{{- with .Values.tls.existingSecret }}
  {{- $_ := set $found "TLS_CERT" (dict "secret" . "key" $.Values.tls.certKey) }}
  {{- $_ := set $found "TLS_KEY" (dict "secret" . "key" $.Values.tls.keyKey) }}
{{- end }}
{{- range $name, $at := .Values.connections }}
  {{- $_ := set $found (printf "CONNECTIONS__%s" (upper $name)) (dict "secret" $at.existingSecret "key" $at.key) }}
{{- end }}
{{- range $setting, $at := $found }}
  {{- if not (hasKey $at "secret") }}{{ $_ := set $at "secret" (include "ml-training.ownSecret" $) }}{{ end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{/* The settings whose secrets a component sees. Called with (list . "api"). */}}
{{- define "ml-training.secretsOf" -}}
{{- $component := index . 1 }}
{{- $connections := list }}
{{- range $name, $_ := (index . 0).Values.connections }}{{ $connections = append $connections (printf "CONNECTIONS__%s" (upper $name)) }}{{ end }}
{{- $servers := list "DATABASE_URL" "DATABASE_PASSWORD" "BROKER_URL" "BROKER_PASSWORD" }}
{{- $bucket := list "S3_ACCESS_KEY_ID" "S3_SECRET_ACCESS_KEY" }}
{{- $tls := list "TLS_CERT" "TLS_KEY" }}
{{- if eq $component "migrate" }}{{ list "DATABASE_URL" "DATABASE_PASSWORD" | join " " }}
{{- else if eq $component "exporter" }}{{ append (concat $servers $tls) "METRICS_TOKEN" | join " " }}
{{- else if eq $component "api" }}{{ concat $servers $bucket $connections $tls (list "BOOTSTRAP_KEY" "OIDC_CLIENT_SECRET") | join " " }}
{{- else if eq $component "worker" }}{{ concat $servers $bucket $connections | join " " }}
{{- else if eq $component "maintenance" }}{{ concat $servers $bucket | join " " }}
{{- end }}
{{- end }}

{{/* One volume with a file for each secret of the component. Called with (list . "api"). */}}
{{- define "ml-training.secretVolume" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 }}
{{- $sources := list }}
{{- $all := fromJson (include "ml-training.secrets" $root) }}
{{- range $setting := include "ml-training.secretsOf" . | splitList " " }}
  {{- with index $all $setting }}
    {{- $name := .secret }}
    {{- if and (eq $component "migrate") (eq $name (include "ml-training.ownSecret" $root)) }}{{ $name = printf "%s-migrate" $name }}{{ end }}
    {{- $item := dict "key" .key "path" (lower $setting) }}
    {{- $sources = append $sources (dict "secret" (dict "name" $name "items" (list $item))) }}
  {{- end }}
{{- end }}
{{- if $sources }}
- name: secrets
  projected:
    # Owner and group may read them: fsGroup is the process's group. The service refuses files that others can read.
    defaultMode: 0440
    sources:
      {{- toYaml $sources | nindent 6 }}
{{- end }}
{{- end }}

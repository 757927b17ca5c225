{{/* Names and labels. */}}
{{- define "ml-training.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "ml-training.fullname" -}}
{{- $name := include "ml-training.name" . }}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- .Values.fullnameOverride | default $full | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "ml-training.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "ml-training.fullname" .) "default") }}
{{- end }}

{{/* What selects the pods of a component; never changes. Called with (list . "api"). */}}
{{- define "ml-training.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "ml-training.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* The labels of a resource. Called with (list . "api"). */}}
{{- define "ml-training.labels" -}}
{{- $root := index . 0 -}}
{{ include "ml-training.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The image of a component. Called with (list . .Values.api.image). */}}
{{- define "ml-training.image" -}}
{{- $root := index . 0 }}
{{- $image := index . 1 }}
{{- with $root.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end }}
{{- $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}
{{- else }}:{{ $image.tag | default $root.Values.image.tag | default $root.Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* What a Service is asked with. */}}
{{- define "ml-training.scheme" -}}
{{ .Values.tls.existingSecret | empty | ternary "http" "https" }}
{{- end }}

{{/* The name in the certificate of a component. Called with (list . "api"). */}}
{{- define "ml-training.serverName" -}}
{{- $root := index . 0 }}
{{- $root.Values.tls.serverName | default (printf "%s-%s.%s.svc" (include "ml-training.fullname" $root) (index . 1) $root.Release.Namespace) }}
{{- end }}

{{/* The names under which a Service is asked, with commas. Called with (list . "api"). */}}
{{- define "ml-training.serviceNames" -}}
{{- $root := index . 0 }}
{{- $name := printf "%s-%s" (include "ml-training.fullname" $root) (index . 1) }}
{{- $inside := printf "%s.%s" $name $root.Release.Namespace }}
{{- list $name $inside (printf "%s.svc" $inside) (printf "%s.svc.%s" $inside $root.Values.clusterDomain) | join "," }}
{{- end }}

{{/* What the schema cannot see: values that exclude or need each other. Fails with every finding at once. */}}
{{- define "ml-training.checks" -}}
{{- $values := .Values }}
{{- $wrong := list }}
{{- range list "database" "broker" }}
  {{- $server := index $values . }}
  {{- $hasUrlKey := and $server.existingSecret $server.urlKey }}
  {{- if and $hasUrlKey $server.url }}{{ $wrong = append $wrong (printf "/%s/url: the URL is in the Secret of urlKey already; leave one of the two empty" .) }}{{ end }}
  {{- if not (or $hasUrlKey $server.url) }}{{ $wrong = append $wrong (printf "/%s/url: must name the server, or /%s/existingSecret and /%s/urlKey a Secret with the URL" . . .) }}{{ end }}
  {{- if and $server.existingSecret $server.password }}{{ $wrong = append $wrong (printf "/%s/password: there is an existingSecret too; leave one of the two empty" .) }}{{ end }}
{{- end }}
{{- $bucket := $values.storage.bucket }}
{{- $claim := $values.storage.claim }}
{{- $places := compact (list $bucket.url $claim.existingClaim (ternary "create" "" $claim.create)) }}
{{- if ne (len $places) 1 }}{{ $wrong = append $wrong "/storage: set one of bucket.url, claim.existingClaim and claim.create" }}{{ end }}
{{- if and $bucket.existingSecret (or $bucket.accessKeyId $bucket.secretAccessKey) }}{{ $wrong = append $wrong "/storage/bucket/existingSecret: there is an accessKeyId too; leave one of the two empty" }}{{ end }}
{{- if and $bucket.accessKeyId (not $bucket.secretAccessKey) }}{{ $wrong = append $wrong "/storage/bucket/secretAccessKey: belongs to the accessKeyId" }}{{ end }}
{{- if and $bucket.secretAccessKey (not $bucket.accessKeyId) }}{{ $wrong = append $wrong "/storage/bucket/accessKeyId: belongs to the secretAccessKey" }}{{ end }}
{{- $first := $values.api.bootstrapKey }}
{{- if and $first.enabled (not $first.existingSecret) (not $first.value) }}{{ $wrong = append $wrong "/api/bootstrapKey: the API does not start without a key: name a Secret, or set enabled to false if the database has keys" }}{{ end }}
{{- if and $first.existingSecret $first.value }}{{ $wrong = append $wrong "/api/bootstrapKey/value: there is an existingSecret too; leave one of the two empty" }}{{ end }}
{{- $token := $values.exporter.metricsToken }}
{{- if and $token.existingSecret $token.value }}{{ $wrong = append $wrong "/exporter/metricsToken/value: there is an existingSecret too; leave one of the two empty" }}{{ end }}
{{- if and $values.ingress.enabled (not $values.ingress.host) }}{{ $wrong = append $wrong "/ingress/host: must be the name of the service" }}{{ end }}
{{- $tls := $values.tls }}
{{- if and $tls.existingSecret (eq $tls.certKey $tls.keyKey) }}{{ $wrong = append $wrong "/tls/keyKey: is the certKey too; the certificate and its private key are two keys of the Secret" }}{{ end }}
{{- if and $tls.serverName (not $tls.existingSecret) }}{{ $wrong = append $wrong "/tls/existingSecret: must name the Secret with the certificate for /tls/serverName" }}{{ end }}
{{- $drain := index $values.settings "DRAIN_GRACE_SECONDS" | default 5 }}
{{- if lt (float64 $values.worker.terminationGracePeriodSeconds) (addf $drain 5) }}{{ $wrong = append $wrong (printf "/worker/terminationGracePeriodSeconds: jobs are handed back within DRAIN_GRACE_SECONDS (%v) and a last checkpoint: make it at least %v" $drain (addf $drain 5)) }}{{ end }}
{{- if $values.keda.enabled }}
  {{- if and (eq $values.keda.trigger "prometheus") (not $values.keda.prometheus.serverAddress) }}{{ $wrong = append $wrong "/keda/prometheus/serverAddress: must be the URL of the Prometheus server" }}{{ end }}
  {{- if gt (int $values.keda.minReplicas) (int $values.keda.maxReplicas) }}{{ $wrong = append $wrong "/keda/minReplicas: is more than maxReplicas" }}{{ end }}
{{- end }}
{{- if $wrong }}{{ fail (printf "these values cannot be used:\n  %s" (join "\n  " $wrong)) }}{{ end }}
{{- end }}

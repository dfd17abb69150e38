{{/* Labels of every object. */}}
{{- define "fairlead.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
app.kubernetes.io/part-of: fairlead
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end }}

{{/* An image: a list of the root context and the repository. */}}
{{- define "fairlead.image" -}}
{{- $root := index . 0 }}
{{- $registry := $root.Values.image.registry }}
{{- if $registry }}{{ $registry }}/{{ end }}{{ index . 1 }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}
{{- end }}

{{- define "fairlead.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Entries of an environment from a map. Whole numbers come as floats. */}}
{{- define "fairlead.env" -}}
{{- range $name, $value := . }}
{{- if not (kindIs "invalid" $value) }}
- name: {{ $name }}
  value: {{ if kindIs "float64" $value }}{{ int64 $value | quote }}{{ else }}{{ $value | toString | quote }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Settings of the agent that follow from other values; `agent.env` has the last word. */}}
{{- define "fairlead.agentEnv" -}}
{{- $agent := .Values.agent }}
{{- $env := dict "fairlead_engine" $agent.engine "svc_enable" (toString $agent.services) }}
{{- with $agent.interface }}{{ $_ := set $env "vip_interface" . }}{{ end }}
{{- with $agent.balance }}{{ $_ := set $env "fairlead_balance" . }}{{ end }}
{{- if $agent.nodeLabeling }}{{ $_ := set $env "enable_node_labeling" "true" }}{{ end }}
{{- $_ := set $env "port" (toString (int64 $agent.controlPlane.port)) }}
{{- if $agent.controlPlane.enabled }}
{{- $_ := set $env "cp_enable" "true" }}
{{- $_ := set $env "address" (required "agent.controlPlane.address must be set where agent.controlPlane.enabled is true" $agent.controlPlane.address) }}
{{- end }}
{{- if ne .Values.groupKey.secretName "fairlead-group" }}{{ $_ := set $env "fairlead_group_key_secret" .Values.groupKey.secretName }}{{ end }}
{{- range $name, $value := $agent.env }}{{ $_ := set $env $name $value }}{{ end }}
{{- include "fairlead.env" $env }}
{{- end }}

{{/* Features that `agent prepare` is to set up, as flow sequence items. */}}
{{- define "fairlead.features" -}}
{{- $profiles := .Values.agent.profiles }}
{{- $features := list }}
{{- if $profiles.nftables }}{{ $features = append $features "nftables" }}{{ end }}
{{- if $profiles.ipvs }}{{ $features = append $features "ipvs" }}{{ end }}
{{- if $profiles.synProxy }}{{ $features = append $features "syn-proxy" }}{{ end }}
{{- join ", " $features }}
{{- end }}

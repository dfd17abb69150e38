// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, arrayOf, isJsonObject, type JsonObject, objectOf } from '../api/objects.ts';
import { defaultContainer, defaultVolume } from './container.ts';
import { changeItems, changeObject, withDefaults } from './merge.ts';

/** Defaults of a pod's specification, in a pod and in a template. */
export function defaultPodSpec(spec: JsonObject): JsonObject {
  let result = withDefaults(spec, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  });
  for (const list of ['containers', 'initContainers', 'ephemeralContainers']) {
    result = changeItems(result, list, defaultContainer);
  }
  return changeItems(result, 'volumes', defaultVolume);
}

/** Defaults of a template: only what stands in it. */
export function defaultTemplate(spec: JsonObject): JsonObject {
  return changeObject(spec, 'template', (template) => changeObject(template, 'spec', defaultPodSpec));
}

/** Defaults of a pod: beyond the template's, requests follow limits and host ports follow container ports. */
export function defaultPod(object: ApiObject): ApiObject {
  const spec = withDefaults(defaultPodSpec(objectOf(object.spec)), { enableServiceLinks: true });
  const onHost = spec.hostNetwork === true;
  let complete = spec;
  for (const list of ['containers', 'initContainers']) {
    complete = changeItems(complete, list, (container) => defaultForPod(container, onHost));
  }
  return withAddresses({ ...object, spec: complete });
}

/** `podIP` and the first of `podIPs` are one; where they differ, the single one is what a client changed. */
function withAddresses(pod: ApiObject): ApiObject {
  const status = pod.status;
  if (!isJsonObject(status)) return pod;
  const single = status.podIP;
  const first = objectOf(arrayOf(status.podIPs)[0]).ip;
  if (single !== undefined && single !== first)
    return { ...pod, status: { ...status, podIPs: [{ ip: single }] } };
  if (single === undefined && first !== undefined) return { ...pod, status: { ...status, podIP: first } };
  return pod;
}

function defaultForPod(container: JsonObject, onHost: boolean): JsonObject {
  const ported = onHost
    ? changeItems(container, 'ports', (port) => withDefaults(port, { hostPort: port.containerPort }))
    : container;
  return changeObject(ported, 'resources', (resources) => {
    const limits = resources.limits;
    if (!isJsonObject(limits)) return resources;
    return { ...resources, requests: withDefaults(resources.requests, limits) };
  });
}

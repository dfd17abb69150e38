// SPDX-License-Identifier: Apache-2.0
import {
  type ApiObject,
  arrayOf,
  type Json,
  type JsonObject,
  jsonEqual,
  objectOf,
  stringOf,
} from '../api/objects.ts';
import type { Cause } from '../api/status.ts';
import { quantityNano } from '../schema/quantity.ts';
import {
  duplicateValue,
  forbiddenValue,
  invalidFor,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from './field.ts';
import { dns1123Label, portName, portNumber } from './names.ts';

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

/** What is wrong with a pod's specification; `field` is where it stands. A subset of the real server's checks. */
export function validatePodSpec(spec: JsonObject, field: string): Cause[] {
  const causes: Cause[] = [];
  const volumes = new Set<string>();
  for (const [index, volume] of arrayOf(spec.volumes).map(objectOf).entries()) {
    const name = stringOf(volume.name);
    causes.push(...validateName(`${field}.volumes[${index}].name`, name, volumes));
  }
  const names = new Set<string>();
  const containers = arrayOf(spec.containers).map(objectOf);
  if (containers.length === 0) causes.push(requiredValue(`${field}.containers`));
  for (const [index, container] of containers.entries()) {
    causes.push(...validateContainer(container, `${field}.containers[${index}]`, names, volumes));
  }
  for (const [index, container] of arrayOf(spec.initContainers).map(objectOf).entries()) {
    causes.push(...validateContainer(container, `${field}.initContainers[${index}]`, names, volumes));
  }
  causes.push(...oneOf(`${field}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES));
  causes.push(...oneOf(`${field}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES));
  return causes;
}

function validateName(field: string, name: string, seen: Set<string>): Cause[] {
  if (name === '') return [requiredValue(field)];
  const causes = invalidFor(field, name, dns1123Label(name));
  if (causes.length === 0 && seen.has(name)) causes.push(duplicateValue(field, name));
  seen.add(name);
  return causes;
}

function oneOf(field: string, value: Json | undefined, allowed: readonly string[]): Cause[] {
  const text = stringOf(value);
  if (text === '') return [requiredValue(field)];
  return allowed.includes(text) ? [] : [unsupportedValue(field, text, allowed)];
}

function validateContainer(
  container: JsonObject,
  field: string,
  names: Set<string>,
  volumes: ReadonlySet<string>,
): Cause[] {
  const causes = validateName(`${field}.name`, stringOf(container.name), names);
  if (stringOf(container.image) === '') causes.push(requiredValue(`${field}.image`));
  causes.push(...validateContainerPorts(arrayOf(container.ports).map(objectOf), `${field}.ports`));
  for (const [index, mount] of arrayOf(container.volumeMounts).map(objectOf).entries()) {
    const name = stringOf(mount.name);
    const path = `${field}.volumeMounts[${index}]`;
    if (name === '') causes.push(requiredValue(`${path}.name`));
    else if (!volumes.has(name)) {
      causes.push({
        reason: 'FieldValueNotFound',
        message: `Not found: ${JSON.stringify(name)}`,
        field: `${path}.name`,
      });
    }
    if (stringOf(mount.mountPath) === '') causes.push(requiredValue(`${path}.mountPath`));
  }
  causes.push(...validateResources(objectOf(container.resources), `${field}.resources.requests`));
  return [...causes, ...oneOf(`${field}.imagePullPolicy`, container.imagePullPolicy, PULL_POLICIES)];
}

function validateResources(resources: JsonObject, field: string): Cause[] {
  const limits = objectOf(resources.limits);
  return Object.entries(objectOf(resources.requests)).flatMap(([name, request]) => {
    const limit = limits[name];
    const wanted = quantityNano(stringOf(request)) ?? 0n;
    if (limit === undefined || wanted <= (quantityNano(stringOf(limit)) ?? 0n)) return [];
    return [
      invalidValue(field, request, `must be less than or equal to ${name} limit of ${stringOf(limit)}`),
    ];
  });
}

function validateContainerPorts(ports: readonly JsonObject[], field: string): Cause[] {
  const names = new Set<string>();
  return ports.flatMap((port, index) => {
    const path = `${field}[${index}]`;
    const name = stringOf(port.name);
    const number = Number(port.containerPort ?? 0);
    const causes: Cause[] = [];
    if (name !== '') {
      const problems = portName(name);
      causes.push(...invalidFor(`${path}.name`, name, problems));
      if (problems.length === 0 && names.has(name)) causes.push(duplicateValue(`${path}.name`, name));
      names.add(name);
    }
    if (number === 0) causes.push(requiredValue(`${path}.containerPort`));
    else causes.push(...invalidFor(`${path}.containerPort`, number, portNumber(number)));
    return [...causes, ...oneOf(`${path}.protocol`, port.protocol, PROTOCOLS)];
  });
}

const IMMUTABLE_SPEC =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,' +
  '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),' +
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** What may not change about a pod. The real server's message continues with a diff; ours ends before it. */
export function validatePodUpdate(next: ApiObject, previous: ApiObject): Cause[] {
  const before = objectOf(previous.spec);
  const after = objectOf(next.spec);
  const causes: Cause[] = [];
  if (arrayOf(before.containers).length !== arrayOf(after.containers).length) {
    return [forbiddenValue('spec.containers', 'pod updates may not add or remove containers')];
  }
  const known = arrayOf(before.tolerations);
  const given = arrayOf(after.tolerations);
  if (!known.every((toleration) => given.some((other) => jsonEqual(toleration, other)))) {
    causes.push(
      forbiddenValue(
        'spec.tolerations',
        'existing toleration can not be modified except its tolerationSeconds',
      ),
    );
  }
  if (!jsonEqual(frozen(before), frozen(after))) causes.push(forbiddenValue('spec', IMMUTABLE_SPEC));
  return causes;
}

/** The part of a specification that never changes. */
function frozen(spec: JsonObject): JsonObject {
  const withoutImage = (value: Json | undefined): Json =>
    arrayOf(value).map((container) => ({ ...objectOf(container), image: '' }));
  return {
    ...spec,
    containers: withoutImage(spec.containers),
    initContainers: withoutImage(spec.initContainers),
    activeDeadlineSeconds: null,
    tolerations: null,
    terminationGracePeriodSeconds:
      Number(spec.terminationGracePeriodSeconds ?? 0) < 0 ? 1 : (spec.terminationGracePeriodSeconds ?? null),
    schedulingGates: null,
  };
}

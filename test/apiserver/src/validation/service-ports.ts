// SPDX-License-Identifier: Apache-2.0

import type { ServicePort, ServiceSpec } from '../api/service.ts';
import type { Cause } from '../api/status.ts';
import {
  duplicateValue,
  forbiddenValue,
  invalidFor,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from './field.ts';
import { dns1123Label, portName, portNumber, qualifiedName } from './names.ts';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

/** Each port of a Service on its own. */
export function validatePorts(ports: readonly ServicePort[]): Cause[] {
  const names = new Set<string>();
  return ports.flatMap((port, index) => validatePort(port, ports.length > 1, names, `spec.ports[${index}]`));
}

function validatePort(port: ServicePort, requireName: boolean, names: Set<string>, field: string): Cause[] {
  const causes: Cause[] = [];
  const name = port.name ?? '';
  if (name !== '') {
    causes.push(...invalidFor(`${field}.name`, name, dns1123Label(name)));
    if (names.has(name)) causes.push(duplicateValue(`${field}.name`, name));
    names.add(name);
  } else if (requireName) {
    causes.push(requiredValue(`${field}.name`));
  }
  causes.push(...invalidFor(`${field}.port`, port.port, portNumber(port.port)));
  if (!PROTOCOLS.includes(port.protocol ?? '')) {
    causes.push(unsupportedValue(`${field}.protocol`, port.protocol, PROTOCOLS));
  }
  causes.push(...validatePortNumberOrName(`${field}.targetPort`, port.targetPort ?? 0));
  if (port.appProtocol !== undefined) {
    causes.push(...invalidFor(`${field}.appProtocol`, port.appProtocol, qualifiedName(port.appProtocol)));
  }
  return causes;
}

/** A number, or the name of a container port. */
export function validatePortNumberOrName(field: string, value: number | string): Cause[] {
  return typeof value === 'number'
    ? invalidFor(field, value, portNumber(value))
    : invalidFor(field, value, portName(value));
}

/** What the ports of a Service must not have in common. */
export function validatePortsTogether(spec: ServiceSpec): Cause[] {
  const ports = spec.ports ?? [];
  const causes: Cause[] = [];
  if (spec.type === 'ClusterIP') {
    for (const [index, port] of ports.entries()) {
      if ((port.nodePort ?? 0) !== 0) {
        causes.push(
          forbiddenValue(`spec.ports[${index}].nodePort`, "may not be used when `type` is 'ClusterIP'"),
        );
      }
    }
  }
  const nodePorts = new Set<string>();
  for (const [index, port] of ports.entries()) {
    if ((port.nodePort ?? 0) === 0) continue;
    const key = `${port.protocol}/${port.nodePort}`;
    if (nodePorts.has(key)) causes.push(duplicateValue(`spec.ports[${index}].nodePort`, port.nodePort));
    nodePorts.add(key);
  }
  const numbers = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const key = `${port.protocol}/${port.port}`;
    if (numbers.has(key)) causes.push(duplicateValue(`spec.ports[${index}]`, shownPort(port)));
    numbers.add(key);
  }
  return causes;
}

/** The internal form in which the real server prints a port. */
function shownPort(port: ServicePort): ServicePort {
  return {
    Name: '',
    Protocol: port.protocol ?? '',
    AppProtocol: null,
    Port: port.port,
    TargetPort: 0,
    NodePort: 0,
  } as unknown as ServicePort;
}

/** Port that load balancers ask whether a node has endpoints. */
export function validateHealthCheckPort(spec: ServiceSpec, needed: boolean): Cause[] {
  const field = 'spec.healthCheckNodePort';
  const port = spec.healthCheckNodePort ?? 0;
  if (needed) return port === 0 ? [] : invalidFor(field, port, portNumber(port));
  if (port === 0) return [];
  const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
  return [invalidValue(field, port, detail)];
}

// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, arrayOf, type JsonObject, objectOf, stringOf } from '../api/objects.ts';
import type { Cause } from '../api/status.ts';
import {
  duplicateValue,
  invalidFor,
  invalidValue,
  requiredValue,
  tooMany,
  unsupportedValue,
} from './field.ts';
import { familyOf, validateEndpointAddress, validateIp } from './ip.ts';
import { dns1123Label, dns1123Subdomain } from './names.ts';

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const MAX_ENDPOINTS = 1000;
const MAX_PORTS = 20_000;
const MAX_ADDRESSES = 100;

/** What is wrong with an EndpointSlice. */
export function validateEndpointSlice(object: ApiObject): Cause[] {
  const type = stringOf(object.addressType);
  const causes: Cause[] = [];
  if (type === '') causes.push(requiredValue('addressType'));
  else if (!ADDRESS_TYPES.includes(type)) causes.push(unsupportedValue('addressType', type, ADDRESS_TYPES));
  const ports = arrayOf(object.ports).map(objectOf);
  const endpoints = arrayOf(object.endpoints).map(objectOf);
  if (ports.length > MAX_PORTS) causes.push(tooMany('ports', ports.length, MAX_PORTS));
  else causes.push(...validatePorts(ports));
  if (endpoints.length > MAX_ENDPOINTS) causes.push(tooMany('endpoints', endpoints.length, MAX_ENDPOINTS));
  else
    causes.push(
      ...endpoints.flatMap((endpoint, index) => validateEndpoint(endpoint, type, `endpoints[${index}]`)),
    );
  return causes;
}

/** The kind of addresses in a slice never changes. */
export function validateEndpointSliceUpdate(next: ApiObject, previous: ApiObject): Cause[] {
  if (next.addressType === previous.addressType) return [];
  return [invalidValue('addressType', next.addressType, 'field is immutable')];
}

function validatePorts(ports: readonly JsonObject[]): Cause[] {
  const names = new Set<string>();
  return ports.flatMap((port, index) => {
    const field = `ports[${index}]`;
    const name = stringOf(port.name);
    const protocol = stringOf(port.protocol);
    const causes = name === '' ? [] : invalidFor(`${field}.name`, name, dns1123Label(name));
    if (names.has(name)) causes.push(duplicateValue(`${field}.name`, name));
    names.add(name);
    if (!PROTOCOLS.includes(protocol))
      causes.push(unsupportedValue(`${field}.protocol`, protocol, PROTOCOLS));
    return causes;
  });
}

function validateEndpoint(endpoint: JsonObject, type: string, field: string): Cause[] {
  const addresses = arrayOf(endpoint.addresses).map(stringOf);
  const causes: Cause[] = [];
  if (addresses.length === 0) {
    causes.push(requiredValue(`${field}.addresses`, 'must contain at least 1 address'));
  } else if (addresses.length > MAX_ADDRESSES) {
    causes.push(tooMany(`${field}.addresses`, addresses.length, MAX_ADDRESSES));
  }
  for (const [index, address] of addresses.entries()) {
    causes.push(...validateAddress(address, type, `${field}.addresses`, index));
  }
  const nodeName = stringOf(endpoint.nodeName);
  if (nodeName !== '') causes.push(...invalidFor(`${field}.nodeName`, nodeName, dns1123Subdomain(nodeName)));
  const hostname = stringOf(endpoint.hostname);
  if (hostname !== '') causes.push(...invalidFor(`${field}.hostname`, hostname, dns1123Label(hostname)));
  return causes;
}

function validateAddress(address: string, type: string, field: string, index: number): Cause[] {
  const path = `${field}[${index}]`;
  if (type === 'FQDN') return invalidFor(path, address, dns1123Subdomain(address));
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  const wrong = validateIp(path, address);
  if (wrong.length > 0) return wrong;
  const causes = validateEndpointAddress(path, address);
  if (familyOf(address) !== type) causes.push(invalidValue(field, address, `must be an ${type} address`));
  return causes;
}

// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress } from '@fairlead/shared/address/address.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';

/** Key of the ConfigMap under which plndr-cloud-provider wrote the list. */
export const SERVICES_KEY = 'plndr-services';

/** One port of one Service, as the cloud provider has written it down. */
export interface ListedService {
  /** Canonical text. */
  readonly vip: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly serviceName: string;
}

/** What the list says, and what of it cannot be used. */
export interface ServiceList {
  readonly services: readonly ListedService[];
  readonly problems: readonly ServiceProblem[];
  /** False: it is no list at all, so nobody knows what should be served. */
  readonly isReadable: boolean;
}

const PROTOCOLS: Readonly<Record<string, ListedService['protocol']>> = { tcp: 'tcp', udp: 'udp' };
/** There is none. */
export const EMPTY_LIST: ServiceList = { services: [], problems: [], isReadable: true };

/**
 * Reads `{"services": [{"vip", "port", "type", "uid", "serviceName"}]}`. One bad entry costs only itself. Nothing at all is
 * an empty list. Pure.
 */
export function readServiceList(text: string | undefined): ServiceList {
  if (text === undefined || text === '') return EMPTY_LIST;
  const listed = servicesIn(text);
  if (listed === undefined) {
    const message = `${SERVICES_KEY} is "${shortened(text)}"; expected JSON with a list "services"`;
    return { services: [], problems: [problem(message)], isReadable: false };
  }
  const services = new Map<string, ListedService>();
  const problems: ServiceProblem[] = [];
  for (const [index, value] of listed.entries()) {
    const service = serviceOf(value);
    if (service === undefined) {
      const received = shortened(JSON.stringify(value) ?? '');
      const expected = 'vip (an IP address), port, type (TCP or UDP) and serviceName';
      problems.push(problem(`entry ${index + 1} of ${SERVICES_KEY} is ${received}; expected ${expected}`));
      continue;
    }
    const place = `${service.protocol}/${service.port}/${service.vip}`;
    const other = services.get(place);
    if (other === undefined) services.set(place, service);
    else if (other.serviceName !== service.serviceName) {
      problems.push(
        problem(
          `${service.serviceName} wants ${place}, which ${other.serviceName} has; give it another address or port`,
        ),
      );
    }
  }
  return { services: [...services.values()], problems, isReadable: true };
}

function servicesIn(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('services' in value)) return undefined;
    // What Go makes of a list without entries.
    if (value.services === null) return [];
    return Array.isArray(value.services) ? value.services : undefined;
  } catch {
    return undefined;
  }
}

function serviceOf(value: unknown): ListedService | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { vip, port, type = 'TCP', serviceName } = value as Readonly<Record<string, unknown>>;
  const address = typeof vip === 'string' ? addressOf(vip) : undefined;
  const protocol = PROTOCOLS[String(type).toLowerCase()];
  const isPort = typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535;
  if (address === undefined || protocol === undefined || !isPort) return undefined;
  if (typeof serviceName !== 'string' || serviceName === '') return undefined;
  return { vip: formatAddress(address), port, protocol, serviceName };
}

function problem(message: string): ServiceProblem {
  return { reason: AGENT_REASON.serviceListInvalid, message };
}

function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

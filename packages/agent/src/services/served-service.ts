// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import { type LabelSelector, parseLabelSelector } from '@fairlead/shared/kubernetes/label-selector.ts';
import { type EndpointSlice, keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import { type LeaseName, parseLeaseName } from '../config/lease-name.ts';
import type { DhcpRequest } from '../dhcp/dhcp-addresses.ts';
import type { NodeBook } from '../ownership/node-eligibility.ts';
import { type AddressSources, addressesOf } from './addresses.ts';
import { endpointsByService, portKey, type ServiceEndpoint, usableEndpoints } from './endpoints.ts';
import { AGENT_REASON, type ServiceProblem } from './problem.ts';
import { isServed, type SelectionRule } from './selection.ts';

/** Transport protocols of Service ports, as nftables and the kernel spell them. */
export type Protocol = 'tcp' | 'udp' | 'sctp';

/** One port of a Service. */
export interface FrontPort {
  readonly protocol: Protocol;
  readonly port: number;
  /** Key of the target port in an endpoint's `ports`. */
  readonly key: string;
}

/** A Service of ours that has an address, reduced to what ownership and balancing need. */
export interface ServedService {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339; the oldest Service decides where several share an address. */
  readonly created: string;
  /** Where an address is still to come from DHCP, its ownership key stands in its place. */
  readonly addresses: readonly string[];
  /** What it asks of DHCP. */
  readonly dhcp: readonly DhcpRequest[];
  /** Addresses of other Services that DHCP gave to this one: all must move together. */
  readonly bound?: readonly string[];
  /** It has no addresses because the cloud provider refused the ones it names. */
  readonly refused: boolean;
  /** DNS names that it is to be reached at; their addresses are among the addresses. */
  readonly names: readonly string[];
  readonly policy: 'Cluster' | 'Local';
  readonly ports: readonly FrontPort[];
  readonly endpoints: readonly ServiceEndpoint[];
  /** Somebody has looked for endpoints: there is a slice, be it empty, or no controller that would write one. */
  readonly endpointsKnown: boolean;
  /** Annotation `serviceInterface`: a link name or `auto`. */
  readonly interface: string | undefined;
  /** Where one owner has all Services, this one is annotated to have its own. */
  readonly asksForOwnLease: boolean;
  /** Lease shared with other Services. */
  readonly commonLease: LeaseName | undefined;
  /** Annotation `node-selector`: only nodes with such labels; `unreadable`: no node, as nobody knows which ones are meant. */
  readonly nodeSelector: LabelSelector | 'unreadable' | undefined;
  /** Answer for the address even when there is no endpoint at all. */
  readonly withoutEndpoints: boolean;
  readonly problems: readonly ServiceProblem[];
  /** The object that all this was read from. */
  readonly object: Service;
}

/**
 * The Services of ours, oldest first (then by key), with their addresses and endpoints. A Service without an address is
 * in the list too, so that its problems can be told. Pure.
 */
export function servedServices(
  services: Iterable<Service>,
  slices: Iterable<EndpointSlice>,
  rule: SelectionRule,
  sources: AddressSources = {},
): readonly ServedService[] {
  const endpoints = endpointsByService(slices);
  const served: ServedService[] = [];
  for (const service of services) {
    if (isServed(service, rule)) served.push(servedService(service, endpoints.get(keyOf(service)), sources));
  }
  return served.sort(byAge);
}

/** Oldest first, then by key: the order in which Services win what only one can have. */
export function byAge(a: ServedService, b: ServedService): number {
  if (a.created !== b.created) return a.created < b.created ? -1 : 1;
  return a.key < b.key ? -1 : Number(a.key > b.key);
}

/** What was read from a version of a Service together with these endpoints. */
interface ReadService {
  readonly endpoints: readonly ServiceEndpoint[] | undefined;
  readonly served: ServedService;
}

/**
 * Neither a Service nor a list of endpoints changes in place: every version is an object of its own, so what was read from
 * them can be kept. That it is the same object again tells others that nothing has changed.
 */
const readServices = new WeakMap<Service, ReadService>();

/** One Service with these endpoints (undefined: it has no slice). Pure. */
export function servedService(
  service: Service,
  endpoints: readonly ServiceEndpoint[] | undefined,
  sources: AddressSources,
): ServedService {
  const known = readServices.get(service);
  if (known !== undefined && known.endpoints === endpoints) return known.served;
  const served = readService(service, endpoints, sources);
  // What a name resolves to changes without the Service.
  if (served.names.length === 0) readServices.set(service, { endpoints, served });
  return served;
}

function readService(
  service: Service,
  known: readonly ServiceEndpoint[] | undefined,
  sources: AddressSources,
): ServedService {
  const { metadata, spec } = service;
  const endpoints = known ?? [];
  const annotations = metadata?.annotations ?? {};
  const { addresses, dhcp, refused, names, problems } = addressesOf(service, sources);
  const policy = spec?.externalTrafficPolicy === 'Local' ? 'Local' : 'Cluster';
  const namespace = metadata?.namespace ?? '';
  const lease = commonLease(annotations[ANNOTATION.leaseName], namespace, policy);
  const selector = nodeSelector(annotations[ANNOTATION.nodeSelector]);
  return {
    key: keyOf(service),
    namespace,
    name: metadata?.name ?? '',
    created: metadata?.creationTimestamp ?? '',
    addresses,
    dhcp,
    refused,
    names,
    policy,
    ports: (spec?.ports ?? []).flatMap(({ protocol, port, name }) => {
      const known = PROTOCOLS[protocol ?? 'TCP'];
      return known === undefined ? [] : [{ protocol: known, port, key: portKey(protocol, name) }];
    }),
    endpoints,
    endpointsKnown: known !== undefined || Object.keys(spec?.selector ?? {}).length === 0,
    interface: annotations[ANNOTATION.serviceInterface]?.trim() || undefined,
    asksForOwnLease: annotations[ANNOTATION.forcePerServiceElection] === 'true',
    commonLease: lease.name,
    nodeSelector: selector.nodeSelector,
    withoutEndpoints:
      policy === 'Cluster' &&
      annotations[ANNOTATION.allowReconcileWithoutEndpoints]?.toLowerCase() === 'true',
    problems: [...problems, ...lease.problems, ...selector.problems],
    object: service,
  };
}

const PROTOCOLS: Readonly<Record<string, Protocol>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' };

function commonLease(
  text: string | undefined,
  namespace: string,
  policy: 'Cluster' | 'Local',
): { readonly name: LeaseName | undefined; readonly problems: readonly ServiceProblem[] } {
  const problem = (message: string) => ({
    name: undefined,
    problems: [{ reason: AGENT_REASON.leaseNameInvalid, message }],
  });
  if (text === undefined || text.trim() === '') return { name: undefined, problems: [] };
  if (policy === 'Local') {
    return problem(`${ANNOTATION.leaseName} needs externalTrafficPolicy Cluster; this Service has Local`);
  }
  const parsed = parseLeaseName(text.trim(), namespace);
  if (!parsed.ok) return problem(`${ANNOTATION.leaseName} is "${text}"; expected ${parsed.problem}`);
  return { name: parsed.value, problems: [] };
}

function nodeSelector(text: string | undefined): Pick<ServedService, 'nodeSelector' | 'problems'> {
  if (text === undefined || text.trim() === '') return { nodeSelector: undefined, problems: [] };
  const selector = parseLabelSelector(text);
  if (selector.ok) return { nodeSelector: selector.value, problems: [] };
  const message =
    `${ANNOTATION.nodeSelector} is "${text}", which no node meets: ${selector.problem}; ` +
    'expected a label selector such as topology.kubernetes.io/zone=a or site in (north,south)';
  const problem = { reason: AGENT_REASON.nodeSelectorInvalid, message };
  return { nodeSelector: 'unreadable', problems: [problem] };
}

/** Which nodes may own the addresses of a Service: all, or these. */
export type Candidates = 'any' | ReadonlySet<string>;

/**
 * Nodes from which a Service can be served, from objects of the API alone, so that every agent comes to the same result:
 * those with the endpoints that its policy needs, and among them those that its selector chooses. Pure.
 */
export function candidatesOf(service: ServedService, nodes: NodeBook): Candidates {
  const withEndpoints = nodesWithEndpoints(service);
  const { nodeSelector: selector } = service;
  if (selector === undefined) return withEndpoints;
  if (selector === 'unreadable') return NOBODY;
  const selected = nodes.selected(selector);
  return withEndpoints === 'any'
    ? selected
    : new Set([...withEndpoints].filter((name) => selected.has(name)));
}

const NOBODY: ReadonlySet<string> = new Set();

/** Kept for the reason that {@link readServices} has. */
const readNodes = new WeakMap<ServedService, ReadonlySet<string>>();

/**
 * Local: nodes with a ready endpoint of the Service; while it has none anywhere, those where one serves on while it
 * terminates. Cluster: any node, as long as there is such an endpoint somewhere. Pure.
 */
function nodesWithEndpoints(service: ServedService): Candidates {
  if (service.withoutEndpoints) return 'any';
  if (service.policy === 'Cluster') return service.endpoints.length > 0 ? 'any' : NOBODY;
  const known = readNodes.get(service);
  if (known !== undefined) return known;
  const nodes = nodesThatServe(service);
  readNodes.set(service, nodes);
  return nodes;
}

function nodesThatServe(service: ServedService): ReadonlySet<string> {
  const on = (state: ServiceEndpoint['state']) =>
    new Set(service.endpoints.flatMap((each) => (each.state === state && each.node ? [each.node] : [])));
  const ready = on('ready');
  return ready.size > 0 ? ready : on('draining');
}

/** Endpoints that this node sends new connections of the Service to. */
export function endpointsFrom(
  service: ServedService,
  node: string,
  lostNodes: ReadonlySet<string>,
): readonly ServiceEndpoint[] {
  return usableEndpoints(service.endpoints, { policy: service.policy, node, lostNodes });
}

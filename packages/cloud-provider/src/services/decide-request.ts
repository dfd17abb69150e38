// SPDX-License-Identifier: Apache-2.0
import {
  type Address,
  addressOf,
  familyName,
  formatAddress,
  isUnspecified,
  parseAddress,
} from '@fairlead/shared/address/address.ts';
import {
  ALLOCATED_ON_REQUEST,
  ANNOTATION,
  REASON,
  type Reason,
} from '@fairlead/shared/kubernetes/contract.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import { acceptableFamilies } from '../allocator/families.ts';
import { poolsOpenTo } from '../pools/choose-pool.ts';
import { isAvoided, poolCovers } from '../pools/pool.ts';
import { completeFromPool } from './decide-from-pool.ts';
import type { Assignment, DecisionContext, Refusal } from './decision.ts';
import type { Given } from './given.ts';
import { entriesOf, familyRequestOf, subjectOf } from './service-state.ts';
import { sharedPortsFor, termsOf } from './sharing-terms.ts';

/** A request as the user wrote it. */
interface Request {
  readonly service: Service;
  readonly field: string;
  readonly text: string;
  /** It was granted before: what may be asked for has been judged then, only conflicts are left to be looked for. */
  readonly granted: boolean;
}

type Checked = { readonly ok: true; readonly notes: readonly string[] } | Refusal;

/** The annotation names the addresses: they are checked and taken literally. */
export function decideRequest(
  service: Service,
  text: string,
  given: Given | undefined,
  context: DecisionContext,
): Assignment | Refusal {
  const request: Request = { service, field: ANNOTATION.loadBalancerIPs, text, granted: given !== undefined };
  const entries = entriesOf(text);
  if (entries.length === 0) return unreadable(request, text);
  const addresses: Address[] = [];
  const notes: string[] = [];
  for (const entry of entries) {
    const address = addressOf(entry);
    // The agents resolve host names in the annotation; which address that gives is not ours to manage.
    if (address === undefined && looksLikeHostName(entry)) continue;
    if (address === undefined) return unreadable(request, entry);
    const checked = check(request, address, context);
    if ('kind' in checked) return checked;
    addresses.push(address);
    notes.push(...checked.notes);
  }
  return {
    kind: 'assign',
    origin: 'request',
    allocatedFrom: ALLOCATED_ON_REQUEST,
    addresses,
    annotation: text,
    requested: undefined,
    drains: [],
    sharedPorts: sharedPortsFor(service, addresses, given === undefined, context),
    interface: undefined,
    exhausted: [],
    need: undefined,
    coolingUntilMs: undefined,
    notes,
    moves: [],
  };
}

/** `spec.loadBalancerIP` names one address; a dual-stack Service gets that of the other family from its pool. */
export function decideSpecRequest(
  service: Service,
  text: string,
  given: Given | undefined,
  context: DecisionContext,
): Assignment | Refusal {
  const field = given === undefined ? 'spec.loadBalancerIP' : ANNOTATION.loadBalancerIPs;
  const request: Request = {
    service,
    field,
    text: given === undefined ? text : given.text,
    granted: given !== undefined,
  };
  const address = addressOf(text);
  if (address === undefined) return unreadable(request, text);
  const checked = check(request, address, context);
  if ('kind' in checked) return checked;
  const decision = completeFromPool(service, { address, text }, given, context);
  return decision.kind === 'assign'
    ? { ...decision, notes: [...checked.notes, ...decision.notes] }
    : decision;
}

function check(request: Request, address: Address, context: DecisionContext): Checked {
  if (isUnspecified(address)) return { ok: true, notes: [] };
  const note = request.granted ? undefined : checkAllowed(request, address, context);
  if (note !== undefined) return note;
  const { service } = request;
  const terms = termsOf(service, context.pools);
  const rival = context.holdings.rivalOf(keyOf(service), address, terms);
  if (rival !== undefined) {
    const why = terms === undefined ? '' : ', which cannot share it with this one';
    return refuse(
      request,
      REASON.addressConflict,
      `${formatAddress(address)} belongs to Service ${rival}${why}; expected an address that no other Service holds`,
    );
  }
  return { ok: true, notes: outsideNotes(request, address, context) };
}

/** Whether this Service may ask for this address at all, whoever holds it. */
function checkAllowed(request: Request, address: Address, context: DecisionContext): Refusal | undefined {
  const { service } = request;
  const { pools, configMap } = context;
  const text = formatAddress(address);
  const acceptable = acceptableFamilies(familyRequestOf(service));
  if (!acceptable.includes(address.family)) {
    const wanted = acceptable.map(familyName).join();
    return refuse(
      request,
      REASON.invalidRequest,
      `${text} is an ${familyName(address.family)} address; the Service has the family ${wanted} alone`,
    );
  }
  const open = poolsOpenTo(pools, subjectOf(service));
  const avoiding = isAvoided(pools, undefined, address)
    ? 'global'
    : open.find((pool) => isAvoided(pools, pool, address))?.name;
  if (avoiding !== undefined) {
    return refuse(
      request,
      REASON.addressAvoided,
      `ConfigMap ${configMap} keeps ${text} from being given out (avoid-${avoiding}); expected another address`,
    );
  }
  if (pools.requestedOutsidePool === 'allow' || open.some((pool) => poolCovers(pool, address)))
    return undefined;
  const ids = open.map((pool) => pool.id).join(', ');
  return refuse(
    request,
    REASON.outsidePool,
    `${text} lies in no pool of this Service (${ids || 'there is none'}) and ConfigMap ${configMap} has requested-outside-pool=deny; expected an address of a pool`,
  );
}

function outsideNotes({ service }: Request, address: Address, { pools }: DecisionContext): readonly string[] {
  const covered = poolsOpenTo(pools, subjectOf(service)).some((pool) => poolCovers(pool, address));
  return covered ? [] : [`${formatAddress(address)} lies in no pool of this Service`];
}

/** A name with a dot whose last label is no number: `banana` and `10.0.0.300` are mistakes, `lb.example.org` is not. */
function looksLikeHostName(text: string): boolean {
  return /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(text);
}

function unreadable(request: Request, entry: string): Refusal {
  const result = parseAddress(entry);
  return refuse(request, REASON.invalidRequest, result.ok ? 'names no address' : result.problem);
}

function refuse({ field, text }: Request, reason: Reason, problem: string): Refusal {
  return { kind: 'refuse', reason, message: `${field}=${text}: ${problem}`, need: { of: 'holder' } };
}

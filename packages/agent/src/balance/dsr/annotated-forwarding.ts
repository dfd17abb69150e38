// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { AnnotationReader } from '../../services/annotation-reader.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import type { Forwarding } from '../model/frontend.ts';

/** What a Service says of how packets are to reach its endpoints. */
export interface AnnotatedForwarding {
  /** Undefined: nothing that can be read, so what the agents are set to counts. */
  readonly forwarding: Forwarding | undefined;
  readonly problems: readonly ServiceProblem[];
}

const FORWARDINGS: Readonly<Record<string, Forwarding>> = {
  nat: 'nat',
  dsr: 'dsr',
  'direct-route': 'directRoute',
  tunnel: 'tunnel',
  local: 'local',
  bypass: 'bypass',
};

/** An object never changes in place: every version is one of its own, so what was read from it can be kept. */
const known = new WeakMap<Service, AnnotatedForwarding>();

/** Reads the annotation. Pure. */
export function annotatedForwarding(service: Service): AnnotatedForwarding {
  const before = known.get(service);
  if (before !== undefined) return before;
  const reader = new AnnotationReader(service, AGENT_REASON.forwardingInvalid);
  const forwarding = reader.read(ANNOTATION.forwarding, parseForwarding, undefined);
  const read = { forwarding, problems: reader.problems };
  known.set(service, read);
  return read;
}

function parseForwarding(text: string): Parsed<Forwarding> {
  const forwarding = FORWARDINGS[text.toLowerCase()];
  return forwarding === undefined
    ? unparsable('nat, dsr, direct-route, tunnel, local or bypass')
    : parsed(forwarding);
}

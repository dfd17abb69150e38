// SPDX-License-Identifier: Apache-2.0
import {
  NO_POLICY,
  type ProtectedPort,
  type ProtectionModel,
  type ProtectionPolicy,
  type SourceEntry,
} from '../policy.ts';
import { parseSourceEntry } from '../sources.ts';

/** A TCP port as tests write it. */
export function portOf(address: string, port = 80): ProtectedPort {
  return { address, protocol: 'tcp', port };
}

/** `192.0.2.0/24`, or with ` until 2026-11-21T07:00:00Z`. */
export function entryOf(text: string): SourceEntry {
  const entry = parseSourceEntry(text);
  if (!entry.ok) throw new TypeError(entry.problem);
  return entry.value;
}

/** A model of one Service `default/echo` at these ports. */
export function modelOf(ports: readonly ProtectedPort[], policy: Partial<ProtectionPolicy>): ProtectionModel {
  return servicesOf({ 'default/echo': { ports, policy } });
}

/** A model of these Services. */
export function servicesOf(
  services: Readonly<
    Record<string, { readonly ports: readonly ProtectedPort[]; readonly policy: Partial<ProtectionPolicy> }>
  >,
): ProtectionModel {
  const entries = Object.entries(services).map(
    ([service, { ports, policy }]) =>
      [service, { service, ports, policy: { ...NO_POLICY, ...policy } }] as const,
  );
  return { services: new Map(entries), closed: new Map(), problems: new Map() };
}

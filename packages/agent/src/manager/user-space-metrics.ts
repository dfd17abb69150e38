// SPDX-License-Identifier: Apache-2.0
import type { ListenerStats, TargetStats } from '../balance/user-space/plane.ts';
import { growing, type Registers, sampled } from './samples.ts';

/** What is read when Prometheus asks: by the listener's id, what it has done. Empty where nothing is relayed in user space. */
export type UserSpaceSource = () => ReadonlyMap<string, ListenerStats>;

/** What the plane in user space has relayed, and what of it went wrong. A connection is also a flow (UDP) or a request (HTTP). */
export function observeUserSpace(source: UserSpaceSource, registers: Registers): void {
  observeListeners(source, registers);
  observeTargets(source, registers);
}

function observeListeners(source: UserSpaceSource, registers: Registers): void {
  const labelNames = ['service', 'listener'] as const;
  const perListener = (value: (stats: ListenerStats) => number) => () =>
    [...source()].map(([listener, stats]) => [{ service: stats.service, listener }, value(stats)] as const);
  sampled(
    {
      name: 'fairlead_proxy_open_connections',
      help: 'Connections, flows or requests that are relayed in user space now.',
      labelNames,
    },
    registers,
    perListener(({ open }) => open),
  );
  growing(
    {
      name: 'fairlead_proxy_refused_total',
      help: 'Connections or requests that no target took, that were one too many, or that broke the rules.',
      labelNames,
    },
    registers,
    perListener(({ refused }) => refused),
  );
  growing(
    {
      name: 'fairlead_proxy_bytes_total',
      help: 'Bytes relayed: in, from clients to targets; out, back.',
      labelNames: [...labelNames, 'direction'],
    },
    registers,
    () =>
      [...source()].flatMap(([listener, { service, bytesIn, bytesOut }]) => [
        [{ service, listener, direction: 'in' }, bytesIn] as const,
        [{ service, listener, direction: 'out' }, bytesOut] as const,
      ]),
  );
}

function observeTargets(source: UserSpaceSource, registers: Registers): void {
  const labelNames = ['service', 'listener', 'target'] as const;
  const perTarget = (value: (stats: TargetStats) => number) => () =>
    [...source()].flatMap(([listener, { service, targets }]) =>
      [...targets].map(([target, stats]) => [{ service, listener, target }, value(stats)] as const),
    );
  growing(
    {
      name: 'fairlead_proxy_connections_total',
      help: 'Connections, flows or requests that a target got.',
      labelNames,
    },
    registers,
    perTarget(({ served }) => served),
  );
  growing(
    {
      name: 'fairlead_proxy_target_failures_total',
      help: 'Times that a target refused, did not answer, or broke off before its first byte.',
      labelNames,
    },
    registers,
    perTarget(({ failures }) => failures),
  );
  sampled(
    {
      name: 'fairlead_proxy_target_out',
      help: '1 for a target that is left alone for a while because it failed, else 0.',
      labelNames,
    },
    registers,
    perTarget(({ isOut }) => Number(isOut)),
  );
}

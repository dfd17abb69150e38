// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancerIngress, Service } from '@fairlead/shared/kubernetes/objects.ts';

/**
 * `status.loadBalancer.ingress` as kube-vip writes it: one entry per address in the order of the annotation, each with
 * all ports. Pure.
 *
 * @param isProxy kube-proxy has to leave the addresses alone (`ipMode: Proxy`); else the API server fills in VIP
 */
export function ingressOf(
  service: Service,
  addresses: readonly string[],
  isProxy = false,
): readonly LoadBalancerIngress[] {
  const ports = (service.spec?.ports ?? []).map(({ port, protocol }) => ({
    port,
    protocol: protocol ?? 'TCP',
  }));
  const parts = { ...(isProxy && { ipMode: 'Proxy' }), ...(ports.length > 0 && { ports }) };
  return addresses.map((ip) => ({ ip, ...parts }));
}

/** Whether the status already says the same; what the API server fills in by itself does not count. Pure. */
export function sameIngress(
  current: readonly LoadBalancerIngress[] | undefined,
  wanted: readonly LoadBalancerIngress[],
): boolean {
  return JSON.stringify((current ?? []).map(essence)) === JSON.stringify(wanted.map(essence));
}

function essence({ ip, hostname, ipMode, ports }: LoadBalancerIngress): unknown {
  return {
    ip: ip ?? '',
    hostname: hostname ?? '',
    ipMode: ipMode ?? 'VIP',
    ports: (ports ?? []).map(({ port, protocol }) => `${protocol}/${port}`),
  };
}

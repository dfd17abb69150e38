// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress, isUnspecified } from '@fairlead/shared/address/address.ts';
import { standingRefusal } from '@fairlead/shared/kubernetes/allocation-condition.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import {
  annotatedAddresses,
  type ClassMode,
  entriesOf,
  isAccepted,
  wantsAddresses,
} from '../services/service-state.ts';

/** One line of the list that a balancer of the namespace reads: where to listen, and for which Service. */
export interface ServiceEntry {
  readonly vip: string;
  readonly port: number;
  /** Protocol as in the Service: `TCP`, `UDP` or `SCTP`. */
  readonly type: string;
  readonly uid: string;
  readonly serviceName: string;
}

/**
 * The entries of a Service: none before it has its addresses, else one for each address and port. The first is the one
 * that plndr-cloud-provider would write; kube-vip 0.1 knows Services by `uid` and takes no notice of the others. A
 * placeholder for DHCP and a DNS name are no addresses that anybody could listen on. Pure.
 */
export function serviceEntries(service: Service, mode: ClassMode): readonly ServiceEntry[] {
  if (!wantsAddresses(service, mode) || !isAccepted(service)) return [];
  if (standingRefusal(service) !== undefined) return [];
  const { uid = '', name: serviceName = '' } = service.metadata ?? {};
  return entriesOf(annotatedAddresses(service)).flatMap((text) => {
    const address = addressOf(text);
    if (address === undefined || isUnspecified(address)) return [];
    const vip = formatAddress(address);
    return (service.spec?.ports ?? []).map(({ port, protocol: type = 'TCP' }) => ({
      vip,
      port,
      type,
      uid,
      serviceName,
    }));
  });
}

/** The list as it stands in the ConfigMap. Pure. */
export function renderEntries(entries: readonly ServiceEntry[]): string {
  const services = entries.map(({ vip, port, type, uid, serviceName }) => ({
    vip,
    port,
    type,
    uid,
    serviceName,
  }));
  return JSON.stringify({ services });
}

/** Whether the text in the ConfigMap says the same, however it is written. Pure. */
export function saysTheSame(text: string | undefined, entries: readonly ServiceEntry[]): boolean {
  if (text === undefined) return false;
  try {
    const { services } = JSON.parse(text) as { readonly services?: readonly ServiceEntry[] | null };
    return renderEntries(services ?? []) === renderEntries(entries);
  } catch {
    // Not JSON, or not of this form: it is written anew.
    return false;
  }
}

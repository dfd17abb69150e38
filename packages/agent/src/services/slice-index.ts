// SPDX-License-Identifier: Apache-2.0
import { LABEL } from '@fairlead/shared/kubernetes/contract.ts';
import { type EndpointSlice, joinKey } from '@fairlead/shared/kubernetes/objects.ts';
import type { Change } from '@fairlead/shared/kubernetes/reflector.ts';
import { endpointsByService, type ServiceEndpoint } from './endpoints.ts';

/** Finds the endpoints of one Service without a look at the slices of all others. */
export class SliceIndex {
  /** Service -> slice -> its newest version. */
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();

  /** Follows a change. Returns the Services (`namespace/name`) that it is about: two when a slice went from one to another. */
  follow(change: Change<EndpointSlice>): readonly string[] {
    const { type, object } = change;
    const service = serviceOf(object);
    const former = change.type === 'updated' ? serviceOf(change.previous) : undefined;
    const name = object.metadata?.name ?? '';
    if (former !== undefined && former !== service) this.#remove(former, name);
    if (service !== undefined) {
      if (type === 'deleted') this.#remove(service, name);
      else this.#put(service, name, object);
    }
    return [...new Set([service, former])].filter((key) => key !== undefined);
  }

  /** Endpoints from all slices of a Service, the same object while those are the same; undefined when it has no slice. */
  endpointsOf(service: string): readonly ServiceEndpoint[] | undefined {
    return endpointsByService(this.#slices.get(service)?.values() ?? []).get(service);
  }

  #put(service: string, name: string, slice: EndpointSlice): void {
    const known = this.#slices.get(service);
    if (known === undefined) this.#slices.set(service, new Map([[name, slice]]));
    else known.set(name, slice);
  }

  #remove(service: string, name: string): void {
    const known = this.#slices.get(service);
    known?.delete(name);
    if (known?.size === 0) this.#slices.delete(service);
  }
}

function serviceOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata?.labels?.[LABEL.serviceName];
  return name === undefined ? undefined : joinKey(metadata?.namespace, name);
}

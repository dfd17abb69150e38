// SPDX-License-Identifier: Apache-2.0

/** Metadata that every kind shares. Notation: see `../parse.ts`. */
export const META_TYPES = `
LabelSelector@atomic: matchExpressions=[LabelSelectorRequirement] matchLabels={string}
LabelSelectorRequirement: key=string! operator=string! values=[string]
ManagedFieldsEntry: apiVersion=string fieldsType=string fieldsV1=any? manager=string operation=string
  subresource=string time=time
ObjectMeta: annotations={string} creationTimestamp=time deletionGracePeriodSeconds=int64?
  deletionTimestamp=time finalizers=[string]@set@merge generateName=string generation=int64 labels={string}
  managedFields=[ManagedFieldsEntry]? name=string namespace=string
  ownerReferences=[OwnerReference]@map:uid@merge:uid resourceVersion=string selfLink=string uid=string
OwnerReference@atomic: apiVersion=string! blockOwnerDeletion=bool? controller=bool? kind=string!
  name=string! uid=string!
`;

/** Types whose JSON is not that of their fields: leaves to everything but the codecs, which know them by name. */
export const CUSTOM_TYPES = {
  json: "apiextensions/v1.JSON",
  orBool: "apiextensions/v1.JSONSchemaPropsOrBool",
  orArray: "apiextensions/v1.JSONSchemaPropsOrArray",
  orStringArray: "apiextensions/v1.JSONSchemaPropsOrStringArray",
} as const;

/** What the three `Or` types are instead. */
export const JSON_SCHEMA_TYPE = "apiextensions/v1.JSONSchemaProps";

export * from "@zip.js/zip.js";

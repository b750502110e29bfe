/** There is no zlib in a browser. */
export default undefined;

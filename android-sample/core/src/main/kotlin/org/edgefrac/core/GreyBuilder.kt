package org.edgefrac.core

/**
 * Colour samples to 8-bit grey, a strip at a time: the part of `edgefrac.preprocess/1` before the resize.
 *
 * Grey is (77·R + 150·G + 29·B + 128) / 256, then over black where there is alpha, in whole numbers.
 */
class GreyBuilder(private val width: Int, private val height: Int) {
    private val pixels = ByteArray(width * height)
    private var filled = 0
    private var colour = 0L

    /** Add the next [count] pixels of [argb], not premultiplied, in reading order. */
    fun add(argb: IntArray, count: Int) {
        for (index in 0 until count) {
            val pixel = argb[index]
            val red = pixel ushr 16 and 0xff
            val green = pixel ushr 8 and 0xff
            val blue = pixel and 0xff
            val alpha = pixel ushr 24
            val grey = 77 * red + 150 * green + 29 * blue + 128 shr 8
            pixels[filled++] = ((2 * grey * alpha + 255) / 510).toByte()
            colour += maxOf(red, green, blue) - minOf(red, green, blue)
        }
    }

    /** The image, once every pixel was added. */
    fun radiograph(orientation: Int = 1, photographed: Boolean = false, notes: List<String> = emptyList()): Radiograph {
        check(filled == pixels.size) { "$filled of ${pixels.size} pixels" }
        val chroma = colour.toDouble() / filled / 255
        return Radiograph(Raster(width, height, pixels).oriented(orientation), chroma, photographed, notes)
    }
}

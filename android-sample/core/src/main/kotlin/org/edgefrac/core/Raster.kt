package org.edgefrac.core

/** An 8-bit grey image, row by row. */
class Raster(val width: Int, val height: Int, val pixels: ByteArray) {
    init {
        require(width > 0 && height > 0 && pixels.size == width * height) { "$width × $height pixels in ${pixels.size} bytes" }
    }

    fun grey(x: Int, y: Int): Int = pixels[y * width + x].toInt() and 0xff

    /** The image as EXIF's [orientation], 1 to 8, says that it is to be shown; as it is for any other number. */
    fun oriented(orientation: Int): Raster {
        if (orientation !in 2..8) return this
        val turned = orientation >= 5
        val (columns, rows) = if (turned) height to width else width to height
        val found = ByteArray(pixels.size)
        for (y in 0 until rows) {
            for (x in 0 until columns) {
                val (along, down) = if (turned) y to x else x to y
                val sourceX = if (orientation in MIRRORED_ALONG) width - 1 - along else along
                val sourceY = if (orientation in MIRRORED_DOWN) height - 1 - down else down
                found[y * columns + x] = pixels[sourceY * width + sourceX]
            }
        }
        return Raster(columns, rows, found)
    }

    private companion object {
        val MIRRORED_ALONG = setOf(2, 3, 7, 8)
        val MIRRORED_DOWN = setOf(3, 4, 6, 7)
    }
}

/**
 * A radiograph as read: its grey [raster], how coloured the file was (0 to 1), whether a camera took it, and what the
 * reader had to do.
 */
class Radiograph(val raster: Raster, val chroma: Double, val photographed: Boolean = false, val notes: List<String> = emptyList())
